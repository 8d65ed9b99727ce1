// SPDX-License-Identifier: Apache-2.0
// The admin service and the gate of ScalarDB Server 3.13, as they are in its jar, on a free port.
// stdin: "in" and "out" let one request in and out; its end ends the server. stdout: "port N", then
// "in true|false" and "out".
// usage: java -cp JARS OldServer.java IP [CERTIFICATE KEY]

import com.scalar.db.server.AdminService;
import com.scalar.db.server.GateKeeper;
import com.scalar.db.server.SynchronizedGateKeeper;
import io.grpc.Server;
import io.grpc.netty.shaded.io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;

public class OldServer {
  public static void main(String[] words) throws Exception {
    GateKeeper gate = new SynchronizedGateKeeper();
    NettyServerBuilder builder =
        NettyServerBuilder.forAddress(new InetSocketAddress(words[0], 0))
            .addService(new AdminService(gate));
    if (words.length == 3) {
      builder.sslContext(
          GrpcSslContexts.forServer(new File(words[1]), new File(words[2])).build());
    }
    Server server = builder.build().start();
    System.out.println("port " + server.getPort());
    BufferedReader commands = new BufferedReader(new InputStreamReader(System.in));
    for (String line = commands.readLine(); line != null; line = commands.readLine()) {
      if (line.equals("in")) {
        System.out.println("in " + gate.letIn());
      } else if (line.equals("out")) {
        gate.letOut();
        System.out.println("out");
      }
    }
    server.shutdownNow();
    System.exit(0);
  }
}

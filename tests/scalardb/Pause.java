// SPDX-License-Identifier: Apache-2.0

import com.google.protobuf.Empty;
import com.scalar.admin.rpc.AdminGrpc;
import com.scalar.db.server.AdminService;
import com.scalar.db.server.GateKeeper;
import com.scalar.db.server.SynchronizedGateKeeper;
import io.grpc.ManagedChannel;
import io.grpc.Server;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.function.BooleanSupplier;
import java.util.logging.Level;
import java.util.logging.Logger;

/** The admin service and the gate of ScalarDB Server 3.13, on a free port. */
final class Pause {
  private static final Logger CHATTER = Logger.getLogger("io.grpc");

  private final GateKeeper gate = new SynchronizedGateKeeper();
  private final Server server;

  Pause() throws IOException {
    CHATTER.setLevel(Level.WARNING);
    server =
        NettyServerBuilder.forAddress(new InetSocketAddress("127.0.0.1", 0))
            .addService(new AdminService(gate))
            .build()
            .start();
    callOnce();
  }

  /** So that no client waits for Java to load the classes beside the workload: seconds. */
  private void callOnce() {
    ManagedChannel channel =
        NettyChannelBuilder.forAddress("127.0.0.1", port()).usePlaintext().build();
    try {
      AdminGrpc.newBlockingStub(channel).checkPaused(Empty.getDefaultInstance());
    } finally {
      channel.shutdownNow();
    }
  }

  int port() {
    return server.getPort();
  }

  /** Waits while the gate is closed; false when it shall end before. */
  boolean enter(BooleanSupplier ended) throws InterruptedException {
    while (!ended.getAsBoolean()) {
      if (gate.letIn()) {
        return true;
      }
      Thread.sleep(1);
    }
    return false;
  }

  void leave() {
    gate.letOut();
  }
}

// SPDX-License-Identifier: Apache-2.0
// A bank over several databases held together by ScalarDB, and a reader of its copies. It can be
// paused as ScalarDB Server is. stdin: a command a line, answered by one line; its end ends all.
//
//   open PROPERTIES LOG NAMESPACE,... ACCOUNTS     the bank that the next four are about
//   schema                                         makes the tables and the accounts
//   start THREADS SEED                             threads at full speed, and the probes
//   stop                                           answers when all threads have ended
//   stats                                          how many transactions ended how, so far
//   read PROPERTIES FILE NAMESPACE,...             every record of a copy goes into the file
//
// stdout: "port N" of the pause, then the answers; "failed ..." says why there is none.
// usage: java -cp JARS:CLASSES Main

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.util.List;
import org.slf4j.LoggerFactory;

public final class Main {
  private final Pause pause;
  private Bank bank;
  private Workload workload;

  private Main(Pause pause) {
    this.pause = pause;
  }

  public static void main(String[] words) throws IOException {
    Pause pause = new Pause();
    System.out.println("port " + pause.port());
    Main main = new Main(pause);
    BufferedReader commands = new BufferedReader(new InputStreamReader(System.in));
    for (String line = commands.readLine(); line != null; line = commands.readLine()) {
      System.out.println(main.answer(line.split(" ")).replace('\n', ' '));
    }
    // without waiting for anybody: whoever gives the commands may have died
    Runtime.getRuntime().halt(0);
  }

  private String answer(String[] words) {
    try {
      return obey(words);
    } catch (Exception error) {
      LoggerFactory.getLogger(Main.class).error(words[0], error);
      return "failed " + error;
    }
  }

  private String obey(String[] words) throws Exception {
    switch (words[0]) {
      case "open":
        bank = new Bank(words[1], words[2], namespaces(words[3]), Integer.parseInt(words[4]));
        workload = new Workload(bank, pause);
        return "open";
      case "schema":
        Schema.make(bank);
        return "made";
      case "start":
        workload.start(Integer.parseInt(words[1]), Long.parseLong(words[2]));
        return "started";
      case "stop":
        workload.stop();
        return workload.counts();
      case "stats":
        return workload.counts();
      case "read":
        return Reader.read(words[1], words[2], namespaces(words[3]));
      default:
        throw new IllegalArgumentException("no such command");
    }
  }

  private static List<String> namespaces(String words) {
    return List.of(words.split(","));
  }
}

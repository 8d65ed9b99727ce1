// SPDX-License-Identifier: Apache-2.0

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.slf4j.LoggerFactory;

/** Threads at full speed: transfers, and a probe in each direction. */
final class Workload {
  private final Bank bank;
  private final Pause pause;
  private final Counts counts = new Counts();
  private final BlockingQueue<Item> open = new LinkedBlockingQueue<>();
  private final List<Thread> threads = new ArrayList<>();
  private volatile boolean ended;

  Workload(Bank bank, Pause pause) {
    this.bank = bank;
    this.pause = pause;
  }

  void start(int count, long seed) {
    ended = false;
    for (int i = 0; i < count; i++) {
      threads.add(new Thread(loop(new Transfers(bank, seed + i, open))));
    }
    for (int i = 0; i < Bank.PROBES; i++) {
      threads.add(new Thread(loop(new Probe(bank, i))));
    }
    threads.forEach(Thread::start);
  }

  /** Returns when all threads have ended. */
  void stop() throws InterruptedException {
    ended = true;
    for (Thread thread : threads) {
      thread.join();
    }
    threads.clear();
  }

  String counts() {
    return counts.toString();
  }

  private Runnable loop(Business business) {
    return () -> {
      try {
        while (pause.enter(() -> ended)) {
          try {
            counts.add(business.once());
          } finally {
            pause.leave();
          }
        }
      } catch (IOException | InterruptedException | RuntimeException error) {
        counts.add(Outcome.ERROR);
        LoggerFactory.getLogger(Workload.class).error("a thread ends", error);
      }
    };
  }
}

// SPDX-License-Identifier: Apache-2.0
#include "cli/interrupt.h"

#include <cstdio>

#include <unistd.h>

#include "cli/exit_code.h"

namespace stillpoint::cli {

Interrupt::Interrupt() {
  ::sigemptyset(&signals_);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&signals_, signal);
  ::pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  ::signal(SIGPIPE, SIG_IGN);  // a closed pipe is an error of write, not a death
  watcher_ = std::jthread([this](const std::stop_token& ended) {
    const timespec step = {0, 200'000'000};
    while (!ended.stop_requested()) {
      if (::sigtimedwait(&signals_, nullptr, &step) < 0) continue;
      if (stop_.stop_requested()) ::_exit(exit_interrupted);
      std::fputs("\nstillpoint: stopping (once more to stop at once)\n", stderr);
      stop_.request_stop();
    }
  });
}

Interrupt::~Interrupt() {
  watcher_ = {};
}

}  // namespace stillpoint::cli

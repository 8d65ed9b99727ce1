// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <csignal>
#include <stop_token>
#include <thread>

namespace stillpoint::cli {

// Turns SIGINT, SIGTERM and SIGHUP into a stop request. Make it first, on the main thread: threads
// made later inherit that the signals are blocked. A second signal ends the program at once.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  std::stop_token token() const { return stop_.get_token(); }

 private:
  sigset_t signals_ = {};
  std::stop_source stop_;
  std::jthread watcher_;
};

}  // namespace stillpoint::cli

// SPDX-License-Identifier: Apache-2.0
// Shows how a job gets on, on stderr (as JSON lines: on stdout).
#pragma once

#include <chrono>
#include <string>

#include "job/job.h"

namespace stillpoint::cli {

class ProgressDisplay {
 public:
  // On a terminal `text` is a line that redraws itself; elsewhere a plain line every ten seconds.
  ProgressDisplay(bool text, bool json);
  ~ProgressDisplay();
  void update(const job::Status& status);
  void finish(const job::Status& status);

 private:
  void draw();
  void erase();
  const bool text_;
  const bool json_;
  const bool terminal_;
  std::string line_;  // what stands on the terminal now
  std::chrono::steady_clock::time_point last_plain_ = std::chrono::steady_clock::now();
};

// "read bank/data/bank.db  45 %  1.2 GiB of 2.6 GiB  310.0 MiB/s  4.7 s left"
std::string describe_progress(const job::Status& status);

}  // namespace stillpoint::cli

// SPDX-License-Identifier: Apache-2.0
// The opening of snapshots, and what it shows.
#pragma once

#include <chrono>
#include <vector>

#include "backup/plan.h"

namespace stillpoint::backup {

struct Opening {
  base::Time time = {};
  std::chrono::microseconds took = {};
  database::Window window() const { return {time, time + took}; }
};

class Openings {
 public:
  explicit Openings(Plan& plan) : plan_(plan), openings_(plan.databases.size()) {}

  // One database by itself.
  Result<void> open(std::size_t number);
  // All of them side by side, and their write marks around.
  Result<void> open_together();

  const Opening& opening(std::size_t number) const { return openings_[number]; }
  const std::vector<Evidence>& evidence() const { return evidence_; }
  Verdict verdict() const;

 private:
  Result<void> open_side_by_side();

  Plan& plan_;
  std::vector<Opening> openings_;
  std::vector<Evidence> evidence_;
};

}  // namespace stillpoint::backup

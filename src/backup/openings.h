// SPDX-License-Identifier: Apache-2.0
// The opening of snapshots, and what it shows.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <vector>

#include "backup/plan.h"

namespace stillpoint::backup {

struct Opening {
  base::Time time = {};
  std::chrono::microseconds took = {};
  database::Window window() const { return {time, time + took}; }
};

// Of every database, in order, with what speaks for their being one instant.
struct Openings {
  std::vector<Opening> openings = {};
  std::vector<Evidence> evidence = {};
  Verdict verdict = Verdict::proven;
  std::optional<HeldWindow> window = {};  // where somebody was paused
  std::vector<GateTry> gate = {};         // where there was a commit gate
  layer::Cut cut() const;
};

// Opens a snapshot of each, all at the same time, or those that are to be first, and then the
// others: a slow one does not keep the others waiting, so that the time between the first and the
// last is no longer than the slowest takes.
// `before_last`: for tests that open them one after another (test_hooks.h).
Result<std::vector<Opening>> open_side_by_side(std::vector<PlannedDatabase>& databases,
                                               const base::Deadline& deadline,
                                               const std::function<void()>& before_last = {});

// One database by itself: its openings so far, and one more.
Result<Opening> open_alone(PlannedDatabase& planned);
Evidence evidence_of_one_snapshot(const PlannedDatabase& planned);

// All of them side by side, and their write marks around. `then`: once all are open, before the
// second marks; constant work only.
Result<Openings> open_together(Plan& plan,
                               const std::function<Result<void>(const base::Deadline&)>& then = {});

}  // namespace stillpoint::backup

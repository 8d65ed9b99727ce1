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

// What is left of it, once nobody waits; `busy` where one of them has to be opened anew.
Result<void> confirm_all(std::vector<PlannedDatabase>& databases);

// In which order they are read. An open snapshot costs its database: old versions of rows are kept,
// or writers wait. Where all are open, those come first that make others wait, then the smallest:
// the snapshots are held for the least time in all.
std::vector<std::size_t> reading_order(const std::vector<PlannedDatabase>& databases,
                                       bool all_are_open);

// One database by itself: its openings so far, and one more.
Result<Opening> open_alone(PlannedDatabase& planned);
Evidence evidence_of_one_snapshot(const PlannedDatabase& planned);

// All of them side by side, and their write marks around. `then`: once all are open, before the
// second marks; constant work only.
Result<Openings> open_together(Plan& plan,
                               const std::function<Result<void>(const base::Deadline&)>& then = {});

}  // namespace stillpoint::backup

// SPDX-License-Identifier: Apache-2.0
#include "backup/openings.h"

#include <algorithm>
#include <thread>

#include "base/text.h"

namespace stillpoint::backup {
namespace {

// Opening is constant work: what takes longer hangs.
constexpr std::chrono::seconds open_time_max{10};

Result<Opening> open_one(PlannedDatabase& planned) {
  Opening opening;
  opening.time = base::now();
  const auto begin = std::chrono::steady_clock::now();
  TRY_DURING("open a snapshot of " + planned.spec.name,
             planned.database->open(base::Deadline(open_time_max)));
  opening.took = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::steady_clock::now() - begin);
  return opening;
}

}  // namespace

Result<void> Openings::open(std::size_t number) {
  PlannedDatabase& planned = plan_.databases[number];
  openings_[number] = TRY(open_one(planned));
  evidence_.push_back({"one_snapshot",
                       planned.spec.name,
                       {},
                       {},
                       true,
                       "one snapshot holds the whole database " + planned.spec.name});
  return {};
}

// A slow one does not keep the others waiting, so that the time between the first and the last is
// no longer than the slowest takes.
Result<void> Openings::open_side_by_side() {
  std::vector<Result<Opening>> opened(plan_.databases.size(), Opening());
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < opened.size(); ++i) {
      threads.emplace_back([&, i] { opened[i] = open_one(plan_.databases[i]); });
    }
  }
  for (std::size_t i = 0; i < opened.size(); ++i) openings_[i] = TRY(std::move(opened[i]));
  return {};
}

Result<void> Openings::open_together() {
  std::vector<std::string> before;
  for (PlannedDatabase& planned : plan_.databases) {
    if (!planned.database->capabilities().write_mark) {
      before.emplace_back();
      continue;
    }
    before.push_back(
        TRY_DURING("write mark of " + planned.spec.name, planned.database->write_mark()));
  }
  TRY(open_side_by_side());
  for (std::size_t i = 0; i < plan_.databases.size(); ++i) {
    PlannedDatabase& planned = plan_.databases[i];
    const std::string& name = planned.spec.name;
    if (!planned.database->capabilities().write_mark) {
      evidence_.push_back({"write_mark", name, {}, {}, false, name + " has no counter of writes"});
      continue;
    }
    const std::string after = TRY_DURING("write mark of " + name, planned.database->write_mark());
    const bool holds = before[i] == after;
    evidence_.push_back({"write_mark", name, before[i], after, holds,
                         name + (holds ? " was not written between the first and the last opening"
                                       : " was written while the snapshots were opened")});
  }
  return {};
}

Verdict Openings::verdict() const {
  const bool all = !evidence_.empty() && std::all_of(evidence_.begin(), evidence_.end(),
                                                     [](const Evidence& e) { return e.holds; });
  return all ? Verdict::proven : Verdict::unproven;
}

}  // namespace stillpoint::backup

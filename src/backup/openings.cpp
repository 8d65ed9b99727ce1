// SPDX-License-Identifier: Apache-2.0
#include "backup/openings.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <thread>

#include "backup/test_hooks.h"
#include "base/text.h"
#include "window/parallel.h"

namespace stillpoint::backup {
namespace {

// Opening is constant work: what takes longer hangs.
constexpr std::chrono::seconds open_time_max{10};

Result<Opening> open_one(PlannedDatabase& planned, const base::Deadline& deadline) {
  Opening opening;
  opening.time = base::now();
  const auto begin = std::chrono::steady_clock::now();
  TRY_DURING("open a snapshot of " + planned.spec.name, planned.database->open(deadline));
  opening.took = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::steady_clock::now() - begin);
  return opening;
}

// In any order: whichever is last should show what is wrong.
void open_one_by_one(std::vector<PlannedDatabase>& databases, const base::Deadline& deadline,
                     std::vector<Result<Opening>>& opened,
                     const std::function<void()>& before_last) {
  std::vector<std::size_t> order(databases.size());
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), std::mt19937(std::random_device()()));
  std::stable_partition(order.begin(), order.end(),
                        [&](std::size_t i) { return databases[i].first; });
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i + 1 == order.size() && before_last) before_last();
    if (i > 0) std::this_thread::sleep_for(test_hooks().opening_gap);
    opened[order[i]] = open_one(databases[order[i]], deadline);
  }
}

}  // namespace

layer::Cut Openings::cut() const {
  layer::Cut cut;
  for (const Opening& one : openings) {
    const auto [begin, end] = one.window();
    if (cut.begin == base::Time() || begin < cut.begin) cut.begin = begin;
    cut.end = std::max(cut.end, end);
  }
  cut.paused = window.has_value();
  if (window) cut.begin = window->pause.begin;
  return cut;
}

Result<Opening> open_alone(PlannedDatabase& planned) {
  return open_one(planned, base::Deadline(open_time_max));
}

Evidence evidence_of_one_snapshot(const PlannedDatabase& planned) {
  return {"one_snapshot",
          planned.spec.name,
          {},
          {},
          true,
          "one snapshot holds the whole database " + planned.spec.name};
}

std::vector<std::size_t> reading_order(const std::vector<PlannedDatabase>& databases,
                                       bool all_are_open) {
  std::vector<std::size_t> order(databases.size());
  std::iota(order.begin(), order.end(), 0);
  if (!all_are_open) return order;
  const auto cost = [&](std::size_t i) {
    const database::Database& one = *databases[i].database;
    return std::pair(!one.capabilities().writers_wait, one.bytes_estimate());
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return cost(a) < cost(b); });
  return order;
}

Result<std::vector<Opening>> open_side_by_side(std::vector<PlannedDatabase>& databases,
                                               const base::Deadline& deadline,
                                               const std::function<void()>& before_last) {
  std::vector<Result<Opening>> opened(databases.size(), Opening());
  if (test_hooks().opening_gap > base::Duration()) {
    open_one_by_one(databases, deadline, opened, before_last);
  } else {
    for (const bool first : {true, false}) {
      std::vector<std::size_t> now;
      for (std::size_t i = 0; i < databases.size(); ++i) {
        if (databases[i].first == first) now.push_back(i);
      }
      window::all_at_once(now.size(), [&](std::size_t i) {
        opened[now[i]] = open_one(databases[now[i]], deadline);
      });
    }
  }
  std::vector<Opening> openings;
  for (Result<Opening>& one : opened) openings.push_back(TRY(std::move(one)));
  return openings;
}

Result<void> confirm_all(std::vector<PlannedDatabase>& databases) {
  for (PlannedDatabase& planned : databases) {
    TRY_DURING("confirm the snapshot of " + planned.spec.name, planned.database->confirm());
  }
  return {};
}

Result<Openings> open_together(Plan& plan,
                               const std::function<Result<void>(const base::Deadline&)>& then) {
  std::vector<std::string> before;
  for (PlannedDatabase& planned : plan.databases) {
    if (!planned.database->capabilities().write_mark) {
      before.emplace_back();
      continue;
    }
    before.push_back(
        TRY_DURING("write mark of " + planned.spec.name, planned.database->write_mark()));
  }
  Openings all;
  const base::Deadline deadline(open_time_max);
  all.openings = TRY(open_side_by_side(plan.databases, deadline));
  if (then) TRY(then(deadline));
  for (std::size_t i = 0; i < plan.databases.size(); ++i) {
    PlannedDatabase& planned = plan.databases[i];
    const std::string& name = planned.spec.name;
    if (!planned.database->capabilities().write_mark) {
      all.evidence.push_back(
          {"write_mark", name, {}, {}, false, name + " has no counter of writes"});
      continue;
    }
    const std::string after = TRY_DURING("write mark of " + name, planned.database->write_mark());
    const bool holds = before[i] == after;
    all.evidence.push_back(
        {"write_mark", name, before[i], after, holds,
         name + (holds ? " was not written between the first and the last opening"
                       : " was written while the snapshots were opened")});
  }
  const bool marks_hold = std::all_of(all.evidence.begin(), all.evidence.end(),
                                      [](const Evidence& e) { return e.holds; });
  all.verdict = marks_hold ? Verdict::proven : Verdict::unproven;
  return all;
}

}  // namespace stillpoint::backup

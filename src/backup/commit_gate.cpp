// SPDX-License-Identifier: Apache-2.0
#include "backup/commit_gate.h"

#include <algorithm>

#include "backup/test_hooks.h"
#include "base/sleep.h"
#include "base/text.h"
#include "window/parallel.h"

namespace stillpoint::backup {
namespace {

struct Held {
  std::string database = {};  // its name
  std::unique_ptr<database::Hold> hold;
};
using Holds = std::vector<Held>;

base::Duration since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::steady_clock::now() - begin;
}

class CommitGate {
 public:
  CommitGate(std::vector<PlannedDatabase>& databases, const GateRequest& request,
             std::stop_token stop)
      : databases_(databases), request_(request), stop_(std::move(stop)) {}

  Result<GateRecord> run() {
    TRY(check());
    const base::Deadline deadline(request_.limits.time_max);
    base::Duration rest = request_.limits.rest_min;
    for (;;) {
      Result<void> done = try_once();
      if (done) break;
      record_.tries.back().failure = done.error().message;
      TRY(passes(std::move(done.error()), deadline));
      if (!base::sleep_for(rest, stop_)) return fail(Errc::cancelled, "interrupted");
      rest = std::min(2 * rest, request_.limits.rest_max);
      TRY(prepare_again());
    }
    return std::move(record_);
  }

 private:
  Result<void> check() const {
    if (request_.tables.empty()) return fail(Errc::internal, "the commit gate holds no table");
    for (const auto& [name, tables] : request_.tables) {
      const auto at = std::find_if(databases_.begin(), databases_.end(),
                                   [&](const PlannedDatabase& d) { return d.spec.name == name; });
      if (at == databases_.end() || tables.empty()) {
        return fail(Errc::internal, "the commit gate holds nothing in {}", name);
      }
      if (at->database->capabilities().hold_writes) continue;
      return fail(Error{Errc::unsupported, name + ": writes to single tables cannot be held there",
                        "use a pause instead of the commit gate"});
    }
    return {};
  }

  Result<void> try_once() {
    GateTry& now = record_.tries.emplace_back();
    now.asked = base::now();
    if (request_.witness != nullptr) TRY(request_.witness->before_try(stop_));
    Holds holds = TRY(prepare_all());
    const auto asked = std::chrono::steady_clock::now();
    now.asked = base::now();
    const Result<void> held = take_all(holds);
    now.waited = since(asked);
    TRY(held);
    const auto locked = std::chrono::steady_clock::now();
    const base::Deadline deadline(request_.limits.hold_max);
    Result<void> done = open_all(deadline, holds);
    const Result<void> released = release_all(holds);
    now.held = since(locked);
    TRY(std::move(done));
    TRY(released);
    TRY(confirm_all(databases_));
    record_.evidence.clear();
    for (const auto& [name, tables] : request_.tables) {
      record_.evidence.push_back(
          {"commit_gate",
           name,
           {},
           {},
           true,
           fmt::format("writes to {} of {} were held for {} while every snapshot was opened, and "
                       "let go without an error",
                       base::join(tables, ", "), name, base::display_duration(now.held))});
    }
    return {};
  }

  Result<Holds> prepare_all() {
    Holds holds;
    for (PlannedDatabase& planned : databases_) {
      const auto tables = request_.tables.find(planned.spec.name);
      if (tables == request_.tables.end()) continue;
      const std::string& name = planned.spec.name;
      auto hold = TRY_DURING("database " + name, planned.database->prepare_hold(
                                                     tables->second, request_.limits.hold_max));
      holds.push_back({name, std::move(hold)});
    }
    return holds;
  }

  Result<void> take_all(Holds& holds) const {
    std::vector<Result<void>> taken(holds.size());
    const base::Deadline deadline(request_.limits.wait_max);
    window::all_at_once(holds.size(),
                        [&](std::size_t i) { taken[i] = holds[i].hold->take(deadline); });
    for (std::size_t i = 0; i < holds.size(); ++i) {
      TRY_DURING("database " + holds[i].database, std::move(taken[i]));
    }
    return {};
  }

  Result<void> open_all(const base::Deadline& deadline, Holds& holds) {
    opened_ = true;
    record_.openings = TRY(open_side_by_side(databases_, deadline, [&] {
      if (test_hooks().gate_opens_early) holds.clear();
    }));
    if (request_.witness != nullptr) TRY(request_.witness->snapshots_are_open(deadline));
    return {};
  }

  // All are let go, also after an error. One that answered with an error may have been gone for a
  // while.
  static Result<void> release_all(Holds& holds) {
    std::vector<Result<void>> released(holds.size());
    window::all_at_once(holds.size(),
                        [&](std::size_t i) { released[i] = holds[i].hold->release(); });
    for (Result<void>& one : released) TRY(std::move(one));
    return {};
  }

  // Whether another try may do better; else the error that ends it all.
  Result<void> passes(Error why, const base::Deadline& deadline) const {
    const bool may_pass = why.code == Errc::busy || why.code == Errc::unavailable;
    if (!may_pass) return fail(std::move(why));
    if (!deadline.passed()) return {};
    const std::size_t tries = record_.tries.size();
    return fail(Error{
        Errc::not_held,
        fmt::format("the commit gate could not be shut for as long as it takes, {} tries in {}: {}",
                    tries, base::display_duration(request_.limits.time_max), why.message),
        why.advice.empty() ? "run it at a quieter moment, or pause the applications instead"
                           : why.advice});
  }

  Result<void> prepare_again() {
    if (!opened_) return {};
    opened_ = false;
    for (PlannedDatabase& planned : databases_) TRY(request_.prepare_again(planned));
    return {};
  }

  std::vector<PlannedDatabase>& databases_;
  const GateRequest& request_;
  const std::stop_token stop_;
  bool opened_ = false;  // some snapshot, in the last try
  GateRecord record_;
};

}  // namespace

Result<GateRecord> open_in_gate(std::vector<PlannedDatabase>& databases, const GateRequest& request,
                                std::stop_token stop) {
  return CommitGate(databases, request, std::move(stop)).run();
}

}  // namespace stillpoint::backup

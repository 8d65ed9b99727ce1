// SPDX-License-Identifier: Apache-2.0
#include "backup/switch_together.h"

#include <algorithm>

#include "backup/restore_job.h"
#include "base/log.h"
#include "base/text.h"
#include "database/target.h"

namespace stillpoint::backup {
namespace {

using database::Switchover;

constexpr const char* go_on =
    "go on with it: stillpoint restore --resume; or undo it: stillpoint restore --undo";

Error half_done(Error error) {
  error.message += "; the switch is not finished, and some databases take no clients";
  error.advice += std::string(error.advice.empty() ? "" : "; then ") + go_on;
  return error;
}

Result<void> close_all(std::vector<Switching>& all, bool force) {
  for (Switching& one : all) {
    TRY_DURING("close " + one.name, one.switchover->close(force));
  }
  return {};
}

Result<std::vector<std::string>> swap_all(std::vector<Switching>& all) {
  std::vector<std::string> kept;
  for (Switching& one : all) {
    kept.push_back(TRY_DURING("switch " + one.name, one.switchover->swap()));
  }
  return kept;
}

// Does one step with each, also after a failure: the first is returned.
template <class Step>
Result<void> with_each(std::vector<Switching>& all, const std::string& doing, const Step& step) {
  Result<void> outcome;
  for (Switching& one : all) {
    auto done = step(*one.switchover);
    if (!done && outcome) outcome = fail(std::move(done.error()).during(doing + " " + one.name));
  }
  return outcome;
}

// Nothing is swapped any more, or was yet.
Result<void> open_old(std::vector<Switching>& all) {
  TRY(with_each(all, "open", [](Switchover& one) { return one.open(); }));
  const auto discarded = with_each(all, "clean up", [](Switchover& one) { return one.discard(); });
  if (!discarded) {
    log(LogLevel::warning, "{}; stillpoint cleanup finds what is left", discarded.error().message);
  }
  return {};
}

// Undoes what was done, and gives the error why.
Error undone(Error error, std::vector<Switching>& all, SwitchRun& run, bool swapping) {
  if (!run.keep) {
    const Result<void> back = swapping ? undo_together(all) : open_old(all);
    if (back) {
      error.message += "; nothing was switched";
      return error;
    }
    error.message += "; to undo it failed, too: " + back.error().message;
  }
  run.half_done = true;
  return half_done(std::move(error));
}

}  // namespace

Result<void> undo_together(std::vector<Switching>& all) {
  TRY(with_each(all, "put back", [](Switchover& one) { return one.swap_back(); }));
  return open_old(all);
}

Result<std::vector<std::string>> switch_together(std::vector<Switching>& all, SwitchRun& run) {
  if (auto closed = close_all(all, run.force); !closed) {
    return fail(undone(std::move(closed.error()), all, run, false));
  }
  auto kept = swap_all(all);
  if (!kept) return fail(undone(std::move(kept.error()), all, run, true));
  auto opened = with_each(all, "open", [](Switchover& one) { return one.open(); });
  if (opened) return kept;
  run.half_done = true;
  return fail(half_done(std::move(opened.error())));
}

Result<std::vector<Switching>> open_switchovers(const SwitchJournal& journal,
                                                const std::vector<DatabaseSpec>& known) {
  std::vector<Switching> all;
  for (const SwitchEntry& entry : journal.databases) {
    const std::string doing = "go on with the switch of " + entry.name;
    const database::Kind* kind = TRY_DURING(doing, database::kind_named(entry.kind));
    const database::Address address = TRY_DURING(doing, address_of(entry.url, known));
    auto switchover = TRY_DURING(doing, kind->open_switchover(address, entry.ticket));
    all.push_back({entry.name, std::move(switchover)});
  }
  // Those that stay closed whatever becomes of us first, so that the others come last: then a kill
  // in between leaves nobody writing to something old beside something new.
  std::stable_partition(all.begin(), all.end(),
                        [](const Switching& one) { return one.switchover->closed_for_good(); });
  return all;
}

}  // namespace stillpoint::backup

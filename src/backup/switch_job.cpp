// SPDX-License-Identifier: Apache-2.0
#include "backup/switch_job.h"

#include <algorithm>

#include <unistd.h>

#include "backup/switch_together.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "repository/host.h"

namespace stillpoint::backup {
namespace {

SwitchJournal new_journal(const RestorePlan& plan) {
  SwitchJournal journal;
  journal.id = base::random_token();
  journal.backup = plan.backup.record.id.hex();
  const repository::Host host = repository::this_host();
  journal.host = host.name;
  journal.pid = host.pid;
  journal.begun = base::now();
  return journal;
}

// By the very addresses of the plan: its passwords may be nowhere else.
std::vector<DatabaseSpec> addresses_of(const RestorePlan& plan) {
  std::vector<DatabaseSpec> known;
  for (const PlannedRestore& planned : plan.databases) {
    known.push_back({planned.entry.name, planned.address, {}});
  }
  return known;
}

// Why nothing is switched, with what was handed over taken back.
Error take_back(Error error, const SwitchJournal& journal, const RestorePlan& plan) {
  auto all = open_switchovers(journal, addresses_of(plan));
  const Result<void> back = all ? undo_together(*all) : fail(all.error());
  if (!back) error.message += "; what was staged could not be removed: " + back.error().message;
  return error;
}

Result<SwitchJournal> hand_over(RestorePlan& plan) {
  SwitchJournal journal = new_journal(plan);
  for (PlannedRestore& planned : plan.databases) {
    auto ticket = planned.target->hand_over();
    if (!ticket) {
      Error error = std::move(ticket.error()).during("hand over " + planned.entry.name);
      return fail(take_back(std::move(error), journal, plan));
    }
    journal.databases.push_back(
        {planned.entry.name, planned.entry.kind, planned.url, std::move(*ticket)});
  }
  return journal;
}

void forget(const SwitchJournals& journals, const std::string& id) {
  const auto removed = journals.remove(id);
  if (removed) return;
  log(LogLevel::warning, "{}; nothing is missing, and stillpoint restore --resume will remove it",
      removed.error().message);
}

Result<std::vector<std::string>> run_journal(std::vector<Switching>& all, SwitchRun run,
                                             const SwitchJournal& journal,
                                             const SwitchJournals& journals) {
  auto kept = switch_together(all, run);
  if (!run.half_done) forget(journals, journal.id);
  return kept;
}

// In the order of the journal: databases are switched in another.
std::vector<RestoredDatabase> outcome_of(const SwitchJournal& journal,
                                         const std::vector<Switching>& all,
                                         const std::vector<std::string>& kept) {
  std::vector<RestoredDatabase> done;
  for (const SwitchEntry& entry : journal.databases) {
    RestoredDatabase restored;
    restored.name = entry.name;
    restored.url = entry.url;
    for (std::size_t i = 0; i < kept.size(); ++i) {
      if (all[i].name == entry.name) restored.kept = kept[i];
    }
    done.push_back(std::move(restored));
  }
  return done;
}

}  // namespace

Result<std::vector<RestoredDatabase>> switch_with_journal(RestorePlan& plan,
                                                          const SwitchJournals& journals,
                                                          job::Job::Context& job) {
  job.phase("switch");
  const SwitchJournal journal = TRY(hand_over(plan));
  if (job.stop().stop_requested()) {
    return fail(take_back({Errc::cancelled, "interrupted before the switch", {}}, journal, plan));
  }
  auto all = open_switchovers(journal, addresses_of(plan));
  if (!all) return fail(take_back(std::move(all.error()), journal, plan));
  if (auto written = journals.write(journal); !written) {
    return fail(take_back(std::move(written.error()), journal, plan));
  }
  SwitchRun run;
  run.force = plan.force;
  const auto kept = TRY(run_journal(*all, run, journal, journals));
  std::vector<RestoredDatabase> done = outcome_of(journal, *all, kept);
  for (std::size_t i = 0; i < done.size(); ++i) {
    done[i].bytes = plan.databases[i].entry.bytes();
    done[i].rows = plan.databases[i].entry.rows();
  }
  return done;
}

Result<void> refuse_interrupted(const RestorePlan& plan, const SwitchJournals& journals) {
  const auto all = TRY(journals.list());
  for (const SwitchJournal& journal : all) {
    for (const SwitchEntry& entry : journal.databases) {
      const bool same = std::any_of(plan.databases.begin(), plan.databases.end(),
                                    [&](const PlannedRestore& planned) {
                                      return database::same_place(planned.url, entry.url);
                                    });
      if (!same) continue;
      return fail(
          Error{Errc::busy,
                fmt::format("restore {}: a switch of {} databases that began at {} UTC {}",
                            entry.name, journal.databases.size(), base::display_time(journal.begun),
                            journal.is_at_work() ? "is under way" : "was interrupted"),
                "complete it: stillpoint restore --resume; or undo it: stillpoint restore --undo"});
    }
  }
  return {};
}

Result<std::vector<RestoredDatabase>> finish_switch(const SwitchJournal& journal,
                                                    const SwitchJournals& journals,
                                                    const FinishRequest& request,
                                                    job::Job::Context& job) {
  job.phase(request.undo ? "undo the switch" : "switch");
  if (journal.is_at_work()) {
    return fail(Error{Errc::busy,
                      fmt::format("go on with a switch: process {} is at work on it", journal.pid),
                      "wait for it, or end it first"});
  }
  std::vector<Switching> all = TRY(open_switchovers(journal, request.known));
  if (request.undo) {
    TRY(undo_together(all));
    forget(journals, journal.id);
    return outcome_of(journal, all, {});
  }
  SwitchRun run;
  run.force = request.force;
  run.keep = true;
  const auto kept = TRY(run_journal(all, run, journal, journals));
  return outcome_of(journal, all, kept);
}

}  // namespace stillpoint::backup

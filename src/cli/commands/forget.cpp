// SPDX-License-Identifier: Apache-2.0
#include "backup/forget.h"

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/exit_code.h"
#include "cli/output.h"

namespace stillpoint::cli {
namespace {

using backup::ForgetEntry;
using backup::ForgetGroup;
using backup::ForgetPlan;

// "": no limit of that kind was given.
Result<repository::Age> age_of(const std::string& text) {
  return text.empty() ? Result<repository::Age>(repository::Age()) : repository::parse_age(text);
}

Result<repository::Retention> retention_of(const ForgetCommand& command) {
  repository::Retention retention;
  retention.last = command.keep_last;
  retention.counts = command.keep;
  retention.within = TRY(age_of(command.keep_within));
  for (std::size_t i = 0; i < repository::period_count; ++i) {
    retention.within_counts[i] = TRY(age_of(command.keep_within_each[i]));
  }
  for (const std::string& tags : command.keep_tags) {
    retention.tags.push_back(base::split(tags, ','));
  }
  return retention;
}

Json json_of(const ForgetEntry& entry) {
  return {{"id", entry.backup.record.id.hex()},
          {"time", base::format_time(entry.backup.record.time)},
          {"label", entry.backup.label},
          {"verdict", entry.backup.verdict},
          {"reasons", entry.reasons}};
}

Json json_of(const ForgetPlan& plan, bool dry_run) {
  Json systems = Json::array();
  for (const ForgetGroup& group : plan.groups) {
    Json keep = Json::array();
    Json forget = Json::array();
    for (const ForgetEntry& entry : group.entries) {
      (entry.forget ? forget : keep).push_back(json_of(entry));
    }
    systems.push_back({{"system", group.system},
                       {"paths", group.paths},
                       {"keep", std::move(keep)},
                       {"forget", std::move(forget)}});
  }
  Json unreadable = Json::array();
  for (const auto& record : plan.unreadable) {
    unreadable.push_back({{"id", record.id.hex()}, {"message", record.error.message}});
  }
  return {{"type", "summary"},
          {"dry_run", dry_run},
          {"systems", std::move(systems)},
          {"unreadable", std::move(unreadable)},
          {"notes", plan.notes}};
}

std::string text_of(const ForgetGroup& group) {
  std::vector<std::vector<std::string>> rows = {
      {"ID", "TIME (UTC)", "LABEL", "VERDICT", "", "BECAUSE"}};
  for (const ForgetEntry& entry : group.entries) {
    const backup::Listed& backup = entry.backup;
    rows.push_back({backup.record.id.brief(), base::display_time(backup.record.time),
                    backup.label.empty() ? "-" : base::printable(backup.label),
                    backup.ours ? backup.verdict : "(restic)", entry.forget ? "forget" : "keep",
                    base::printable(base::join(entry.reasons, ", "))});
  }
  return base::printable(group.system) + "\n" + table(rows) + "\n";
}

std::string text_of(const ForgetPlan& plan, bool dry_run) {
  std::string text;
  for (const ForgetGroup& group : plan.groups) text += text_of(group);
  for (const std::string& note : plan.notes) text += "note: " + note + "\n";
  const std::size_t count = plan.to_forget().size();
  const std::string backups = base::display_count(count) + (count == 1 ? " backup" : " backups");
  if (count == 0) return text + "nothing is to be forgotten\n";
  if (dry_run) return text + backups + " would be forgotten; nothing was changed\n";
  return text + backups + " forgotten; to free what only they held: stillpoint prune\n";
}

// Shown however little was asked for: a record that nobody can read is damage.
void tell_unreadable(const ForgetPlan& plan) {
  for (const auto& record : plan.unreadable) {
    print_error({Errc::corrupt,
                 "backup " + record.id.hex() +
                     " cannot be read and is left as it is: " + record.error.message,
                 "see how much is damaged: stillpoint check"},
                false);
  }
}

}  // namespace

Result<int> run(const ForgetCommand& command, const Session& session) {
  const repository::Retention retention = TRY(retention_of(command));
  const backup::ForgetRequest request{command.backups, retention, command.systems, command.foreign,
                                      command.allow_empty};
  const Reading reading = TRY(open_for_reading(session, false));
  const ForgetPlan plan =
      TRY(backup::plan_forget(*reading.repository, request, base::now(), session.stop));
  const std::size_t total = plan.to_forget().size();
  if (!command.dry_run && total != 0) {
    TRY(run_job(session, "forget", [&](job::Job::Context& context) {
      const auto done = [&](std::size_t count) {
        context.phase(fmt::format("{} of {} backups forgotten", count, total));
      };
      return backup::forget(*reading.repository, plan, reading.lock.get(), done, context.stop());
    }));
  }
  if (session.options.json) {
    print_json(json_of(plan, command.dry_run));
  } else {
    if (!session.options.quiet) print(text_of(plan, command.dry_run));
    tell_unreadable(plan);
  }
  return plan.unreadable.empty() ? exit_done : exit_left_out;
}

}  // namespace stillpoint::cli

// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "repository/prune/repair_index.h"

namespace stillpoint::cli {
namespace {

using repository::PackSum;
using repository::RepairIndexReport;

Json json_of(const RepairIndexReport& report, bool dry_run) {
  const auto sum = [](const PackSum& of) { return Json{{"packs", of.packs}, {"bytes", of.bytes}}; };
  return {{"type", "summary"},
          {"dry_run", dry_run},
          {"packs", report.packs},
          {"packs_read", report.packs_read},
          {"added", sum(report.added)},
          {"corrected", sum(report.corrected)},
          {"retired", sum(report.retired)},
          {"missing", report.missing},
          {"unreadable_packs", report.unreadable_packs},
          {"unreadable_indexes", report.unreadable_indexes},
          {"files_written", report.files_written},
          {"files_removed", report.files_removed}};
}

std::string text_of(const RepairIndexReport& report, bool dry_run) {
  std::string text;
  for (const std::string& one : report.unreadable_indexes)
    text += "unreadable index: " + one + "\n";
  for (const std::string& one : report.unreadable_packs) text += "UNREADABLE pack: " + one + "\n";
  for (const std::string& one : report.missing) text += "MISSING pack: " + one + "\n";
  const auto line = [&](const PackSum& sum, const char* what) {
    if (sum.packs == 0) return;
    text += fmt::format("{} packs ({}) {}\n", base::display_count(sum.packs),
                        base::display_bytes(sum.bytes), what);
  };
  line(report.added, "were in no index");
  line(report.corrected, "were described wrongly");
  line(report.retired, "are retired by prune, and left so; with --read-all-packs they are indexed");
  if (!report.changes()) {
    text += fmt::format("{} packs: nothing to repair in the index\n",
                        base::display_count(report.packs));
  } else if (dry_run) {
    text += "this would be repaired; nothing was\n";
  } else {
    text += fmt::format(
        "{} index files written, {} removed; which backups lack something: "
        "stillpoint check\n",
        report.files_written, report.files_removed);
  }
  return text;
}

}  // namespace

Result<int> run(const RepairIndexCommand& command, const Session& session) {
  repository::RepairIndexOptions options;
  options.read_all_packs = command.read_all_packs;
  options.dry_run = command.dry_run;
  const auto repository = TRY(open_repository(session));
  RepairIndexReport report;
  TRY(run_job(session, "repair index", [&](job::Job::Context& context) -> Result<void> {
    const repository::PruneProgress progress{
        context.progress().bytes_total, context.progress().bytes_done,
        [&context](std::string text) { context.phase(std::move(text)); }};
    report = TRY_DURING("repair the index",
                        repository::repair_index(*repository, options, progress, context.stop()));
    return {};
  }));
  if (session.options.json) {
    print_json(json_of(report, command.dry_run));
  } else if (!session.options.quiet || !report.unreadable_packs.empty()) {
    print(text_of(report, command.dry_run));
  }
  return report.unreadable_packs.empty() ? exit_done : exit_left_out;
}

}  // namespace stillpoint::cli

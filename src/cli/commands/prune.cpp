// SPDX-License-Identifier: Apache-2.0
#include "repository/prune/prune.h"

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/exit_code.h"
#include "cli/output.h"

namespace stillpoint::cli {
namespace {

using repository::PackSum;
using repository::PruneReport;

Json json_of(const PackSum& sum) {
  return {{"packs", sum.packs}, {"bytes", sum.bytes}};
}

Json json_of(const PruneReport& report, bool dry_run) {
  Json json = {{"type", "summary"},
               {"dry_run", dry_run},
               {"backups", report.backups},
               {"blobs_used", report.blobs_used},
               {"blobs_unused", report.blobs_unused},
               {"before", json_of(report.before)},
               {"bytes_unused", report.bytes_unused},
               {"deleted", json_of(report.deleted)},
               {"retired", json_of(report.retired)},
               {"orphaned", json_of(report.orphaned)},
               {"rewritten", json_of(report.rewritten)},
               {"bytes_copied", report.bytes_copied},
               {"bytes_left_unused", report.bytes_left_unused},
               {"rescued", json_of(report.rescued)},
               {"packs_missing", report.packs_missing},
               {"waiting", json_of(report.waiting)},
               {"deleted_from", nullptr},
               {"held_up_by", report.held_up_by}};
  if (report.deleted_from) json["deleted_from"] = base::format_time(*report.deleted_from);
  return json;
}

std::string text_of(const PackSum& sum) {
  return fmt::format("{} packs, {}", base::display_count(sum.packs),
                     base::display_bytes(sum.bytes));
}

std::string text_of(const PruneReport& report, bool dry_run) {
  std::string text =
      fmt::format("before:    {}; {} backups need {} blobs, nobody needs {}\n",
                  text_of(report.before), base::display_count(report.backups),
                  base::display_count(report.blobs_used), base::display_count(report.blobs_unused));
  const auto line = [&](const char* name, const PackSum& sum, const std::string& more) {
    if (sum.packs > 0) text += fmt::format("{:<10} {}{}\n", name, text_of(sum), more);
  };
  line("rescued:", report.rescued, ", in no index although backups need them");
  line("deleted:", report.deleted, "");
  line("retired:", report.retired, "");
  line("  of them:", report.rewritten,
       " rewritten, of which " + base::display_bytes(report.bytes_copied) + " were copied");
  line("  of them:", report.orphaned, " in no index: left by killed runs, or being written");
  if (report.packs_missing > 0) {
    text += fmt::format("missing:   {} packs that nobody needs left the index\n",
                        base::display_count(report.packs_missing));
  }
  if (report.waiting.packs > 0 && report.deleted_from) {
    line("waiting:", report.waiting,
         ", deleted by a prune after " + base::display_time(*report.deleted_from) + " UTC");
  }
  for (const std::string& holder : report.held_up_by) {
    text += "held up:   what is due is kept for " + holder + ", which began before\n";
  }
  text += fmt::format("kept:      {} unneeded in packs that are needed too\n",
                      base::display_bytes(report.bytes_left_unused));
  if (dry_run) text += "this is what would be done; nothing was\n";
  return text;
}

}  // namespace

Result<int> run(const PruneCommand& command, const Session& session) {
  repository::PruneOptions options;
  options.unused_max = TRY(repository::unused_limit_named(command.max_unused));
  if (command.max_repack_bytes != 0) options.repack_bytes_max = command.max_repack_bytes;
  options.repack_small = command.repack_small;
  options.grace = std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::duration<double>(command.grace_seconds));
  options.dry_run = command.dry_run;
  if (session.config.pack_mib != 0) {
    options.pack_bytes = static_cast<std::size_t>(session.config.pack_mib) * limits::MiB;
  }
  const auto repository = TRY(open_cached_repository(session));
  PruneReport report;
  TRY(run_job(session, "prune", [&](job::Job::Context& context) -> Result<void> {
    const repository::PruneProgress progress{
        context.progress().bytes_total, context.progress().bytes_done,
        [&context](std::string text) { context.phase(std::move(text)); }};
    report = TRY_DURING("prune", repository::prune(*repository, options, progress, context.stop()));
    return {};
  }));
  if (session.options.json) {
    print_json(json_of(report, command.dry_run));
  } else if (!session.options.quiet) {
    print(text_of(report, command.dry_run));
  }
  return exit_done;
}

}  // namespace stillpoint::cli

// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <nlohmann/json.hpp>

#include "backup/catalogue.h"
#include "base/limits.h"
#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "repository/repair/repair_index.h"
#include "repository/repair/repair_packs.h"
#include "repository/repair/repair_snapshots.h"

namespace stillpoint::cli {
namespace {

using repository::PackSum;
using repository::RepairedBackup;
using repository::RepairIndexReport;
using repository::RepairPacksReport;
using repository::RepairSnapshotsReport;

Json json_of(const PackSum& sum) {
  return {{"packs", sum.packs}, {"bytes", sum.bytes}};
}

Json json_of(const RepairIndexReport& report, bool dry_run) {
  return {{"type", "summary"},
          {"dry_run", dry_run},
          {"packs", report.packs},
          {"packs_read", report.packs_read},
          {"added", json_of(report.added)},
          {"corrected", json_of(report.corrected)},
          {"retired", json_of(report.retired)},
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

Json json_of(const RepairPacksReport& report, bool dry_run) {
  return {{"type", "summary"},
          {"dry_run", dry_run},
          {"packs_read", report.packs_read},
          {"sound", report.sound},
          {"damaged", report.damaged},
          {"retired", json_of(report.retired)},
          {"blobs_saved", report.blobs_saved},
          {"bytes_saved", report.bytes_saved},
          {"blobs_elsewhere", report.blobs_elsewhere},
          {"blobs_lost", report.blobs_lost},
          {"lost", report.lost}};
}

std::string text_of(const RepairPacksReport& report, bool dry_run) {
  std::string text;
  for (const std::string& one : report.sound) text += "sound, and left as it is: " + one + "\n";
  for (const std::string& one : report.damaged) text += "DAMAGED pack: " + one + "\n";
  if (report.damaged.empty()) {
    return text + fmt::format("{} packs were read: none is damaged\n",
                              base::display_count(report.packs_read));
  }
  text += fmt::format(
      "{} blobs ({}) {}, {} are whole in other packs, {} are {}\n",
      base::display_count(report.blobs_saved), base::display_bytes(report.bytes_saved),
      dry_run ? "could be saved" : "were saved", base::display_count(report.blobs_elsewhere),
      base::display_count(report.blobs_lost), report.blobs_lost > 0 ? "LOST" : "lost");
  for (const std::string& id : report.lost) text += "  lost: " + id + "\n";
  if (report.blobs_lost > report.lost.size()) {
    text +=
        fmt::format("  and {} more\n", base::display_count(report.blobs_lost - report.lost.size()));
  }
  if (dry_run) return text + "this would be repaired; nothing was\n";
  text += fmt::format("{} packs ({}) are retired: a later prune deletes them\n",
                      base::display_count(report.retired.packs),
                      base::display_bytes(report.retired.bytes));
  if (report.blobs_lost > 0) {
    text +=
        "a new backup may store again what is lost: stillpoint backup; which backups lack "
        "something then: stillpoint check; to do without it: stillpoint repair snapshots\n";
  }
  return text;
}

bool lost_manifest(const RepairedBackup& one) {
  const auto& lost = one.left_out;
  return backup::listed_of(one.record).ours &&
         (one.all_lost || std::find(lost.begin(), lost.end(), backup::manifest_path) != lost.end());
}

Json json_of(const RepairSnapshotsReport& report, bool dry_run) {
  Json damaged = Json::array();
  for (const RepairedBackup& one : report.damaged) {
    damaged.push_back({{"backup", one.record.id.hex()},
                       {"system", backup::listed_of(one.record).system},
                       {"left_out", one.left_out},
                       {"all_lost", one.all_lost},
                       {"manifest_lost", lost_manifest(one)},
                       {"repaired", one.repaired ? Json(one.repaired->hex()) : Json(nullptr)},
                       {"was_there", one.was_there},
                       {"forgotten", one.forgotten}});
  }
  return {{"type", "summary"},
          {"dry_run", dry_run},
          {"backups", report.backups},
          {"rescued", json_of(report.rescued)},
          {"unreadable", report.unreadable},
          {"damaged", std::move(damaged)}};
}

std::string text_of(const RepairedBackup& one, bool dry_run) {
  const backup::Listed listed = backup::listed_of(one.record);
  std::string text =
      fmt::format("backup {} of {} from {} UTC\n", one.record.id.brief(),
                  base::printable(listed.system), base::display_time(one.record.time));
  for (const std::string& path : one.left_out) text += "  LOST: " + base::printable(path) + "\n";
  if (one.all_lost) {
    text += "  LOST: all of it\n";
  } else if (lost_manifest(one)) {
    text += "  with its manifest it cannot be restored any more; ls and dump read what is left\n";
  }
  if (one.repaired) {
    text += fmt::format("  {} as {}\n", one.was_there ? "repaired before" : "repaired",
                        one.repaired->brief());
  }
  if (one.forgotten) return text + "  the original is forgotten\n";
  return dry_run ? text
                 : text + "  the original is kept; to forget it: stillpoint forget " +
                       one.record.id.brief() + "\n";
}

std::string text_of(const RepairSnapshotsReport& report, bool dry_run) {
  std::string text;
  for (const std::string& one : report.unreadable) text += "UNREADABLE backup: " + one + "\n";
  if (report.rescued.packs > 0) {
    text += fmt::format("{} packs ({}) that backups need {} named by the index again\n",
                        base::display_count(report.rescued.packs),
                        base::display_bytes(report.rescued.bytes), dry_run ? "would be" : "are");
  }
  for (const RepairedBackup& one : report.damaged) text += text_of(one, dry_run);
  if (report.damaged.empty()) {
    return text +
           fmt::format("{} backups: nothing to repair\n", base::display_count(report.backups));
  }
  text += fmt::format("{} of {} backups lack something", base::display_count(report.damaged.size()),
                      base::display_count(report.backups));
  return text + (dry_run ? "; nothing was changed\n" : "\n");
}

// Empty: all of them.
Result<std::vector<Id>> ids_of(const std::vector<std::string>& names,
                               const repository::Repository& repository,
                               const std::stop_token& stop) {
  std::vector<Id> ids;
  if (names.empty()) return ids;
  const backup::Catalogue catalogue = TRY(backup::read_catalogue(repository, stop));
  for (const std::string& name : names) {
    ids.push_back(TRY(backup::find_backup(catalogue.backups, name)).record.id);
  }
  return ids;
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

Result<int> run(const RepairPacksCommand& command, const Session& session) {
  repository::RepairPacksOptions options;
  options.packs = command.packs;
  options.dry_run = command.dry_run;
  if (session.config.pack_mib != 0) {
    options.pack_bytes = static_cast<std::size_t>(session.config.pack_mib) * limits::MiB;
  }
  const auto repository = TRY(open_repository(session));
  RepairPacksReport report;
  TRY(run_job(session, "repair packs", [&](job::Job::Context& context) -> Result<void> {
    const repository::PruneProgress progress{
        context.progress().bytes_total, context.progress().bytes_done,
        [&context](std::string text) { context.phase(std::move(text)); }};
    report = TRY_DURING("repair packs",
                        repository::repair_packs(*repository, options, progress, context.stop()));
    return {};
  }));
  if (session.options.json) {
    print_json(json_of(report, command.dry_run));
  } else if (!session.options.quiet || report.blobs_lost > 0) {
    print(text_of(report, command.dry_run));
  }
  return report.blobs_lost == 0 ? exit_done : exit_left_out;
}

Result<int> run(const RepairSnapshotsCommand& command, const Session& session) {
  const auto repository = TRY(open_repository(session));
  repository::RepairSnapshotsOptions options;
  options.tags = backup::repaired_tags;
  options.backups = TRY(ids_of(command.backups, *repository, session.stop));
  options.forget = command.forget;
  options.dry_run = command.dry_run;
  RepairSnapshotsReport report;
  TRY(run_job(session, "repair snapshots", [&](job::Job::Context& context) -> Result<void> {
    const auto phase = [&context](std::string text) { context.phase(std::move(text)); };
    report = TRY_DURING("repair snapshots",
                        repository::repair_snapshots(*repository, options, phase, context.stop()));
    return {};
  }));
  const bool whole = report.damaged.empty() && report.unreadable.empty();
  if (session.options.json) {
    print_json(json_of(report, command.dry_run));
  } else if (!session.options.quiet || !whole) {
    print(text_of(report, command.dry_run));
  }
  return whole ? exit_done : exit_left_out;
}

}  // namespace stillpoint::cli

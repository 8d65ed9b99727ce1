// SPDX-License-Identifier: Apache-2.0
#include "repository/copy.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "backup/catalogue.h"
#include "base/limits.h"
#include "base/text.h"
#include "cli/cache.h"
#include "cli/commands/commands.h"
#include "cli/exit_code.h"
#include "cli/output.h"

namespace stillpoint::cli {
namespace {

using repository::CopiedBackup;
using repository::Record;
using repository::Repository;

Result<std::unique_ptr<Repository>> open_other(const CopyCommand& command, const Session& session,
                                               const Repository& from) {
  GlobalOptions options = session.options;
  if (!command.password_file.empty() || !command.password_command.empty()) {
    options.password_file = command.password_file;
    options.password_command = command.password_command;
  }
  auto other = open_repository(session, command.to, options);
  if (!other && other.error().code == Errc::wrong_password && command.password_file.empty() &&
      command.password_command.empty()) {
    return fail(Error{
        Errc::wrong_password,
        "open repository " + command.to + ": it does not have the same password as " + from.url(),
        "name its own: --to-password-file FILE"});
  }
  if (other && (*other)->id() == from.id()) {
    return fail(Error{Errc::invalid, "copy to " + command.to + ": it is the same repository",
                      "name another one with --to"});
  }
  if (other) use_cache(session, **other);
  return other;
}

// Oldest first, as they were made.
Result<std::vector<Record>> choose(const CopyCommand& command, const Repository& from,
                                   const std::stop_token& stop) {
  std::vector<Record> chosen;
  for (const std::string& name : command.backups) {
    chosen.push_back(TRY(backup::find_backup(from, name, stop)).record);
  }
  if (command.backups.empty()) chosen = TRY(from.records(stop));
  std::erase_if(chosen, [&](const Record& record) {
    return !command.system.empty() && backup::listed_of(record).system != command.system;
  });
  std::stable_sort(chosen.begin(), chosen.end(),
                   [](const Record& a, const Record& b) { return a.time < b.time; });
  if (!chosen.empty() || command.system.empty()) return chosen;
  return fail(Error{Errc::not_found, "there is no backup of " + command.system + " to be copied",
                    "see: stillpoint list"});
}

// What a dry run says: which are there.
Result<std::vector<CopiedBackup>> compare(const std::vector<Record>& chosen, const Repository& to,
                                          const std::stop_token& stop) {
  const std::vector<Record> there = TRY(to.records(stop));
  std::vector<CopiedBackup> all;
  for (const Record& record : chosen) {
    CopiedBackup& one = all.emplace_back();
    one.record = record;
    for (const Record& known : there) {
      if (!repository::same_backup(known, record)) continue;
      one.was_there = true;
      one.id = known.id;
    }
  }
  return all;
}

void print_report(const std::vector<CopiedBackup>& all, const CopyCommand& command,
                  const Session& session) {
  Json backups = Json::array();
  std::string text;
  std::uint64_t read = 0;
  std::uint64_t stored = 0;
  std::size_t copied = 0;
  for (const CopiedBackup& one : all) {
    const bool copies = !one.was_there;
    copied += copies ? 1 : 0;
    read += one.bytes_read;
    stored += one.bytes_stored;
    Json json = {{"backup", one.record.id.hex()},
                 {"system", backup::listed_of(one.record).system},
                 {"was_there", one.was_there},
                 {"bytes_read", one.bytes_read},
                 {"bytes_stored", one.bytes_stored}};
    json["copy"] = copies && command.dry_run ? Json(nullptr) : Json(one.id.hex());
    backups.push_back(std::move(json));
    if (!copies) continue;
    text += fmt::format("{}  {}  {} UTC{}\n", one.record.id.brief(),
                        base::printable(backup::listed_of(one.record).system),
                        base::display_time(one.record.time),
                        command.dry_run ? "" : "  ->  " + one.id.brief());
  }
  if (session.options.json) {
    return print_json({{"type", "summary"},
                       {"dry_run", command.dry_run},
                       {"to", command.to},
                       {"backups", std::move(backups)},
                       {"bytes_read", read},
                       {"bytes_stored", stored}});
  }
  if (session.options.quiet) return;
  text += fmt::format("{} {}, {} were there already", base::display_count(copied),
                      command.dry_run ? "backups would be copied" : "backups were copied",
                      base::display_count(all.size() - copied));
  if (!command.dry_run) text += "; " + base::display_bytes(stored) + " stored";
  print(text + "\n");
}

}  // namespace

Result<int> run(const CopyCommand& command, const Session& session) {
  const Reading reading = TRY(open_for_reading(session, !command.dry_run));
  const std::unique_ptr<Repository> other = TRY(open_other(command, session, *reading.repository));
  const std::vector<Record> chosen = TRY(choose(command, *reading.repository, session.stop));
  if (command.dry_run) {
    print_report(TRY(compare(chosen, *other, session.stop)), command, session);
    return exit_done;
  }
  repository::WriteOptions options;
  if (session.config.pack_mib != 0) {
    options.pack_bytes = static_cast<std::size_t>(session.config.pack_mib) * limits::MiB;
  }
  std::vector<CopiedBackup> all;
  TRY(run_job(session, "copy", [&](job::Job::Context& context) -> Result<void> {
    context.phase("copy to " + command.to);
    all = TRY(repository::copy_backups(
        *reading.repository, *other, chosen, options,
        {context.progress().bytes_total, context.progress().bytes_done}, context.stop()));
    return {};
  }));
  print_report(all, command, session);
  return exit_done;
}

}  // namespace stillpoint::cli

// SPDX-License-Identifier: Apache-2.0
#include "repository/check.h"

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/exit_code.h"
#include "cli/output.h"

namespace stillpoint::cli {
namespace {

std::string text_of(const repository::CheckReport& report, bool read_data) {
  std::string text;
  for (const std::string& note : report.notes) text += "note: " + note + "\n";
  for (const std::string& error : report.errors) text += "ERROR: " + error + "\n";
  text += fmt::format(
      "{} backups, {} packs, {} blobs{}: {}\n", base::display_count(report.backups),
      base::display_count(report.packs), base::display_count(report.blobs),
      read_data ? ", " + base::display_bytes(report.bytes_read) + " read" : "",
      report.ok() ? "no errors" : base::display_count(report.errors.size()) + " ERRORS");
  if (report.ok() && !read_data) {
    text += "the bytes themselves were not read; for that: stillpoint check --read-data\n";
  }
  return text;
}

}  // namespace

Result<int> run(const CheckCommand& command, const Session& session) {
  const Reading reading = TRY(open_for_reading(session, false));
  repository::CheckReport report;
  TRY(run_job(session, "check", [&](job::Job::Context& context) -> Result<void> {
    context.phase(command.read_data ? "read packs" : "check");
    repository::CheckProgress progress{context.progress().bytes_total,
                                       context.progress().bytes_done};
    report =
        TRY(repository::check(*reading.repository, {command.read_data}, progress, context.stop()));
    return {};
  }));
  if (session.options.json) {
    print_json({{"type", "summary"},
                {"ok", report.ok()},
                {"backups", report.backups},
                {"packs", report.packs},
                {"blobs", report.blobs},
                {"bytes_read", report.bytes_read},
                {"errors", report.errors},
                {"notes", report.notes}});
  } else if (!session.options.quiet || !report.ok()) {
    print(text_of(report, command.read_data));
  }
  return report.ok() ? exit_done : exit_failed;
}

}  // namespace stillpoint::cli

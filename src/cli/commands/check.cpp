// SPDX-License-Identifier: Apache-2.0
#include "repository/check.h"

#include <array>

#include <nlohmann/json.hpp>

#include "base/encoding.h"
#include "base/random.h"
#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/exit_code.h"
#include "cli/output.h"

namespace stillpoint::cli {
namespace {

// What to read, and by which seed it is chosen where it is chosen at random.
Result<repository::CheckOptions> options_of(const CheckCommand& command) {
  repository::CheckOptions options;
  options.read_data = command.read_data;
  if (command.subset.empty()) return options;
  options.subset = TRY(repository::parse_subset(command.subset));
  options.read_data = true;
  if (!repository::is_random(*options.subset)) return options;
  options.seed = command.seed;
  while (options.seed == 0) {
    std::array<Byte, 4> random = {};  // short enough to be typed again
    base::secure_random(random);
    options.seed = base::get_u32(random.data());
  }
  return options;
}

std::string text_of(const repository::CheckReport& report,
                    const repository::CheckOptions& options) {
  const bool read_data = options.read_data;
  std::string text;
  for (const std::string& note : report.notes) text += "note: " + note + "\n";
  for (const std::string& error : report.errors) text += "ERROR: " + error + "\n";
  text += fmt::format(
      "{} backups, {} packs, {} blobs{}: {}\n", base::display_count(report.backups),
      base::display_count(report.packs), base::display_count(report.blobs),
      read_data ? ", " + base::display_bytes(report.bytes_read) + " read" : "",
      report.ok() ? "no errors" : base::display_count(report.errors.size()) + " ERRORS");
  if (options.subset) {
    text += fmt::format(
        "{} of {} packs were read{}\n", base::display_count(report.packs_read),
        base::display_count(report.packs),
        options.seed == 0 ? "" : fmt::format("; the same ones again: --seed {}", options.seed));
  }
  if (report.ok() && !read_data) {
    text += "the bytes themselves were not read; for that: stillpoint check --read-data\n";
  }
  return text;
}

}  // namespace

Result<int> run(const CheckCommand& command, const Session& session) {
  const repository::CheckOptions options = TRY(options_of(command));
  const Reading reading = TRY(open_for_reading(session, false, ReadFrom::storage));
  repository::CheckReport report;
  TRY(run_job(session, "check", [&](job::Job::Context& context) -> Result<void> {
    context.phase(options.read_data ? "read packs" : "check");
    repository::CheckProgress progress{context.progress().bytes_total,
                                       context.progress().bytes_done};
    report = TRY(repository::check(*reading.repository, options, progress, context.stop()));
    return {};
  }));
  if (session.options.json) {
    print_json({{"type", "summary"},
                {"ok", report.ok()},
                {"backups", report.backups},
                {"packs", report.packs},
                {"blobs", report.blobs},
                {"packs_read", report.packs_read},
                {"bytes_read", report.bytes_read},
                {"seed", options.seed},
                {"errors", report.errors},
                {"notes", report.notes}});
  } else if (!session.options.quiet || !report.ok()) {
    print(text_of(report, options));
  }
  return report.ok() ? exit_done : exit_failed;
}

}  // namespace stillpoint::cli

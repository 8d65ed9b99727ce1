// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "backup/catalogue.h"
#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/exit_code.h"
#include "cli/output.h"

namespace stillpoint::cli {
namespace {

Json json_of(const backup::Listed& backup) {
  return {{"id", backup.record.id.hex()},
          {"time", base::format_time(backup.record.time)},
          {"system", backup.system},
          {"label", backup.label},
          {"verdict", backup.verdict},
          {"ours", backup.ours},
          {"bytes_total", backup.record.bytes_total},
          {"bytes_added", backup.record.bytes_added},
          {"program", backup.record.program}};
}

// Somebody else's backup has no verdict, and perhaps no figures.
std::vector<std::string> row_of(const backup::Listed& backup) {
  const auto figure = [&](std::uint64_t bytes) {
    return backup.record.bytes_total == 0 ? "-" : base::display_bytes(bytes);
  };
  return {backup.record.id.brief(),
          base::display_time(backup.record.time),
          base::printable(backup.system),
          backup.label.empty() ? "-" : base::printable(backup.label),
          backup.ours ? backup.verdict : "(restic)",
          figure(backup.record.bytes_total),
          figure(backup.record.bytes_added)};
}

}  // namespace

Result<int> run(const ListCommand& command, const Session& session) {
  const Reading reading = TRY(open_for_reading(session, false));
  Json json = Json::array();
  std::vector<std::vector<std::string>> rows = {
      {"ID", "TIME (UTC)", "SYSTEM", "LABEL", "VERDICT", "SIZE", "ADDED"}};
  for (const auto& backup : TRY(backup::list_backups(*reading.repository, session.stop))) {
    if (!command.system.empty() && backup.system != command.system) continue;
    json.push_back(json_of(backup));
    rows.push_back(row_of(backup));
  }
  if (session.options.json) {
    print_json(json);
  } else if (rows.size() == 1) {
    print(command.system.empty() ? "no backups yet\n"
                                 : "no backups of " + base::printable(command.system) + "\n");
  } else {
    print(table(rows));
  }
  return exit_done;
}

}  // namespace stillpoint::cli

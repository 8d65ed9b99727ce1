// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "backup/catalogue.h"
#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/exit_code.h"
#include "cli/output.h"

namespace stillpoint::cli {
namespace {

using backup::DatabaseEntry;
using backup::Manifest;

std::string text_of(const DatabaseEntry& entry) {
  std::string text =
      fmt::format("\ndatabase {} ({})\n  from:      {}\n  opened:    {} UTC, in {}\n", entry.name,
                  entry.kind, base::printable(entry.url), base::display_time(entry.opened),
                  base::display_duration(entry.open_time));
  if (!entry.point.position.empty()) text += "  point:     " + entry.point.position + "\n";
  if (entry.clock && entry.clock->restore) {
    text += "  by time:   " + base::format_time(entry.clock->restore->time) + ", by its clock\n";
  }
  for (const auto& setting : entry.settings) {
    text += fmt::format("  {}: {}\n", setting.name, base::printable(setting.value));
  }
  for (const auto& file : entry.files) {
    text += fmt::format("  file:      {} ({})\n", file.path, base::display_bytes(file.bytes));
  }
  for (const auto& object : entry.objects) {
    if (!object.rows) continue;
    text += fmt::format("  {}:     {} ({} rows)\n", object.kind, base::printable(object.name),
                        base::display_count(*object.rows));
  }
  for (const std::string& path : entry.lost) text += "  LOST:      " + path + "\n";
  for (const std::string& what : entry.left_out) text += "  LEFT OUT:  " + what + "\n";
  for (const std::string& warning : entry.warnings) text += "  note:      " + warning + "\n";
  return text;
}

std::string text_of(const backup::Listed& backup, const Manifest& m) {
  std::string text = fmt::format(
      "backup {}\n  system:    {}\n  layer:     {}\n  time:      {} UTC\n  label:     {}\n",
      backup.record.id.hex(), m.system, m.layer, base::display_time(m.created),
      m.label.empty() ? "-" : m.label);
  text += fmt::format("  plan:      {}: {}\n  verdict:   {}\n", backup::name_of(m.branch), m.reason,
                      backup::name_of(m.verdict));
  if (m.window) {
    text += fmt::format("  paused:    from {} to {}\n", base::format_time(m.window->pause.begin),
                        base::format_time(m.window->pause.end));
  }
  if (!m.gate.empty()) {
    const backup::GateTry& gate = m.gate.back();
    text +=
        fmt::format("  held:      commits, for {} from {}\n",
                    base::display_duration(gate.waited + gate.held), base::format_time(gate.asked));
  }
  for (const auto& setting : m.layer_settings) {
    text += fmt::format("  {}: {}\n", setting.name, base::printable(setting.value));
  }
  for (const std::string& warning : m.warnings) {
    text += "  note:      " + base::printable(warning) + "\n";
  }
  for (const auto& e : m.evidence) {
    text += fmt::format("  evidence:  {}{}\n", e.holds ? "" : "AGAINST: ", base::printable(e.text));
  }
  for (const DatabaseEntry& entry : m.databases) text += text_of(entry);
  return text;
}

}  // namespace

Result<int> run(const ShowCommand& command, const Session& session) {
  const Reading reading = TRY(open_for_reading(session, true));
  const auto backup = TRY(backup::find_backup(*reading.repository, command.backup, session.stop));
  const Manifest manifest = TRY(backup::load_manifest(*reading.repository, backup, session.stop));
  if (session.options.json) {
    Json json = Json::parse(backup::encode_manifest(manifest), nullptr, false);
    json["id"] = backup.record.id.hex();
    print_json(json);
  } else {
    print(text_of(backup, manifest));
  }
  return exit_done;
}

}  // namespace stillpoint::cli

// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "backup/difference.h"
#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/exit_code.h"
#include "cli/output.h"

namespace stillpoint::cli {
namespace {

using backup::Change;
using backup::DatabaseChange;
using backup::Difference;

template <class T>
Json json_or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json json_of(const backup::Listed& backup) {
  return {{"id", backup.record.id.hex()},
          {"time", base::format_time(backup.record.time)},
          {"system", backup.system},
          {"label", backup.label},
          {"verdict", backup.verdict}};
}

Json json_of(const std::vector<backup::SettingChange>& settings) {
  Json list = Json::array();
  for (const auto& setting : settings) {
    list.push_back({{"name", setting.name},
                    {"before", json_or_null(setting.before)},
                    {"after", json_or_null(setting.after)}});
  }
  return list;
}

Json json_of(const std::vector<backup::FileChange>& files) {
  Json list = Json::array();
  for (const auto& file : files) {
    list.push_back({{"change", backup::name_of(file.change)},
                    {"path", file.path},
                    {"bytes_before", file.bytes_before},
                    {"bytes_after", file.bytes_after}});
  }
  return list;
}

Json json_of(const DatabaseChange& database) {
  Json objects = Json::array();
  for (const auto& object : database.objects) {
    objects.push_back({{"change", backup::name_of(object.change)},
                       {"kind", object.kind},
                       {"name", object.name},
                       {"rows_before", json_or_null(object.rows_before)},
                       {"rows_after", json_or_null(object.rows_after)}});
  }
  return {{"name", database.name},
          {"change", backup::name_of(database.change)},
          {"bytes_before", database.bytes_before},
          {"bytes_after", database.bytes_after},
          {"rows_before", database.rows_before},
          {"rows_after", database.rows_after},
          {"settings", json_of(database.settings)},
          {"objects", std::move(objects)},
          {"files", json_of(database.files)}};
}

Json json_of(const backup::Sharing::Amount& amount) {
  return {{"chunks", amount.chunks}, {"bytes", amount.bytes}, {"stored", amount.stored}};
}

Json json_of(const Difference& difference) {
  Json databases = Json::array();
  for (const DatabaseChange& database : difference.databases) {
    databases.push_back(json_of(database));
  }
  return {{"type", "diff"},
          {"before", json_of(difference.before)},
          {"after", json_of(difference.after)},
          {"by_files", difference.by_files},
          {"settings", json_of(difference.settings)},
          {"databases", std::move(databases)},
          {"files", json_of(difference.files)},
          {"shared", json_of(difference.sharing.shared)},
          {"only_before", json_of(difference.sharing.only_before)},
          {"only_after", json_of(difference.sharing.only_after)}};
}

std::string text_of(const char* what, const backup::Listed& backup) {
  return fmt::format("{} {} of {}, {} UTC{}\n", what, backup.record.id.brief(),
                     base::printable(backup.system), base::display_time(backup.record.time),
                     backup.verdict.empty() ? "" : ", " + backup.verdict);
}

std::string text_of(const std::vector<backup::SettingChange>& settings) {
  std::string text;
  for (const auto& setting : settings) {
    text += fmt::format("  setting {}: {} -> {}\n", base::printable(setting.name),
                        setting.before ? base::printable(*setting.before) : "(none)",
                        setting.after ? base::printable(*setting.after) : "(none)");
  }
  return text;
}

std::string text_of(const backup::FileChange& file) {
  const std::string was = base::display_bytes(file.bytes_before);
  const std::string is = base::display_bytes(file.bytes_after);
  return fmt::format("  {:<8} {} ({})\n", backup::name_of(file.change), base::printable(file.path),
                     file.change == Change::added     ? is
                     : file.change == Change::removed ? was
                                                      : was + " -> " + is);
}

// The parts of a table are many, and the table is told of: only their number is of interest.
std::string text_of_files(const std::vector<backup::FileChange>& files) {
  std::string text;
  std::size_t others = 0;
  for (const auto& file : files) {
    if (file.path.starts_with("schema/")) {
      text += text_of(file);
    } else {
      ++others;
    }
  }
  if (others != 0) text += "  data files that differ: " + base::display_count(others) + "\n";
  return text;
}

std::string text_of(const std::vector<backup::ObjectChange>& objects) {
  std::string text;
  std::size_t unknown = 0;
  for (const auto& object : objects) {
    if (object.change == Change::unknown) {
      ++unknown;
      continue;
    }
    std::string rows;
    if (object.rows_before) rows += base::display_count(*object.rows_before);
    if (object.rows_before && object.rows_after) rows += " -> ";
    if (object.rows_after) rows += base::display_count(*object.rows_after);
    text += fmt::format("  {:<8} {} {}{}\n", backup::name_of(object.change), object.kind,
                        base::printable(object.name), rows.empty() ? "" : " (" + rows + " rows)");
  }
  if (unknown != 0) {
    text += fmt::format("  with as many rows as before, and perhaps other content: {} tables\n",
                        base::display_count(unknown));
  }
  return text;
}

std::string text_of(const DatabaseChange& database) {
  std::string text = fmt::format("\ndatabase {}: {}\n", base::printable(database.name),
                                 backup::name_of(database.change));
  if (database.change == Change::same) return text;
  text += fmt::format(
      "  size     {} -> {}, {} -> {} rows\n", base::display_bytes(database.bytes_before),
      base::display_bytes(database.bytes_after), base::display_count(database.rows_before),
      base::display_count(database.rows_after));
  return text + text_of(database.settings) + text_of(database.objects) +
         text_of_files(database.files);
}

std::string text_of(const char* what, const backup::Sharing::Amount& amount) {
  return fmt::format("{} {} in {} chunks, stored as {}\n", what, base::display_bytes(amount.bytes),
                     base::display_count(amount.chunks), base::display_bytes(amount.stored));
}

std::string text_of(const Difference& difference) {
  std::string text = text_of("before:", difference.before) + text_of("after: ", difference.after);
  text += text_of(difference.settings);
  for (const DatabaseChange& database : difference.databases) text += text_of(database);
  if (difference.by_files) text += "\nfiles:\n";
  for (const auto& file : difference.files) text += text_of(file);
  if (difference.by_files && difference.files.empty()) text += "  all are the same\n";
  return text + "\n" + text_of("in both:        ", difference.sharing.shared) +
         text_of("only in before: ", difference.sharing.only_before) +
         text_of("only in after:  ", difference.sharing.only_after);
}

}  // namespace

Result<int> run(const DiffCommand& command, const Session& session) {
  const Reading reading = TRY(open_for_reading(session, true));
  repository::Repository& repository = *reading.repository;
  const auto all = TRY(backup::list_backups(repository, session.stop));
  const auto before = TRY(backup::find_backup(all, command.before));
  const auto after = TRY(backup::find_backup(all, command.after));
  const Difference difference =
      TRY(backup::find_difference(repository, before, after, session.stop));
  if (session.options.json) {
    print_json(json_of(difference));
  } else {
    print(text_of(difference));
  }
  return exit_done;
}

}  // namespace stillpoint::cli

// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/target/backup_schema.h"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "base/encoding.h"
#include "base/program.h"
#include "base/text.h"
#include "database/postgresql/session/connection.h"

namespace stillpoint::database::postgresql {
namespace {

constexpr std::string_view archive_path = "schema/schema.dump";
constexpr std::string_view database_path = "schema/database.json";
constexpr std::string_view tables_path = "schema/tables.json";
constexpr std::string_view sequences_path = "schema/sequences.json";

BackupTable table_of(const nlohmann::json& json) {
  BackupTable table;
  table.schema = json.at("schema").get<std::string>();
  table.name = json.at("name").get<std::string>();
  table.of_extension = !json.at("extension").is_null();
  const nlohmann::json& copy = json.at("copy");
  table.has_rows = !copy.is_null();
  if (table.has_rows) table.copy_columns = copy.at("columns").get<std::vector<std::string>>();
  if (table.has_rows && copy.contains("through")) {
    const nlohmann::json& through = copy.at("through");
    table.through = QualifiedName{through.at("schema").get<std::string>(),
                                  through.at("name").get<std::string>()};
  }
  return table;
}

void add_roles(const nlohmann::json& table, std::set<std::string>& roles) {
  const auto add = [&](const nlohmann::json& acl) {
    for (const auto& one : acl) {
      if (!one.at("grantee").is_null()) roles.insert(one.at("grantee").get<std::string>());
    }
  };
  roles.insert(table.at("owner").get<std::string>());
  if (!table.at("acl").is_null()) add(table.at("acl"));
  if (table.at("columns").is_null()) return;
  for (const auto& column : table.at("columns")) {
    if (!column.at("acl").is_null()) add(column.at("acl"));
  }
}

BackupSequence sequence_of(const nlohmann::json& json) {
  return {json.at("schema").get<std::string>(), json.at("name").get<std::string>(),
          json.at("last_value").get<std::int64_t>(), json.at("is_called").get<bool>()};
}

Result<const std::string*> part(const std::map<std::string, std::string>& parts,
                                std::string_view path) {
  const auto found = parts.find(std::string(path));
  if (found != parts.end()) return &found->second;
  return fail(Errc::corrupt, "the backup has no {}", path);
}

// What `read` makes of a JSON part.
template <class F>
Result<void> read_json(const std::map<std::string, std::string>& parts, std::string_view path,
                       F&& read) {
  const std::string* text = TRY(part(parts, path));
  try {
    read(nlohmann::json::parse(*text));
  } catch (const nlohmann::json::exception& error) {
    return fail(Errc::corrupt, "read {}: {}", path, error.what());
  }
  return {};
}

}  // namespace

const BackupTable* BackupSchema::find(std::string_view schema, std::string_view name) const {
  const auto found = std::find_if(tables.begin(), tables.end(), [&](const BackupTable& table) {
    return table.schema == schema && table.name == name;
  });
  return found == tables.end() ? nullptr : &*found;
}

bool is_read_by_restore(std::string_view path) {
  return path == archive_path || path == database_path || path == tables_path ||
         path == sequences_path;
}

Result<BackupSchema> read_backup_schema(const std::map<std::string, std::string>& parts) {
  BackupSchema schema;
  const auto archive = parts.find(std::string(archive_path));
  if (archive != parts.end()) schema.archive = TRY(base::make_memory_file(archive->second));
  schema.tables_json = *TRY(part(parts, tables_path));
  const std::string* database = TRY(part(parts, database_path));
  schema.database = TRY(parse_database_settings(*database));
  TRY(read_json(parts, tables_path, [&](const nlohmann::json& json) {
    for (const auto& one : json.at("tables")) {
      schema.tables.push_back(table_of(one));
      add_roles(one, schema.roles);
    }
  }));
  TRY(read_json(parts, sequences_path, [&](const nlohmann::json& json) {
    for (const auto& one : json.at("sequences")) schema.sequences.push_back(sequence_of(one));
  }));
  return schema;
}

Result<std::vector<StoredTable>> stored_tables(const StoredParts& parts, std::stop_token stop) {
  const std::string path(tables_path);
  const std::map<std::string, std::string> text = {
      {path, TRY(read_stored_part(parts, path, std::move(stop)))}};
  std::vector<StoredTable> tables;
  TRY(read_json(text, path, [&](const nlohmann::json& json) {
    for (const auto& one : json.at("tables")) {
      const BackupTable table = table_of(one);
      if (!table.has_rows) continue;
      tables.push_back({table.schema,
                        table.name,
                        display_qualified(table.schema, table.name),
                        table.copy_columns,
                        {}});
    }
  }));
  std::map<QualifiedName, std::vector<std::string>> paths;
  for (const std::string& one : parts.paths) {
    if (const auto of = data_path_of(one)) paths[{of->schema, of->name}].push_back(one);
  }
  for (StoredTable& table : tables) table.paths = std::move(paths[{table.schema, table.name}]);
  return tables;
}

std::string folder_of_table(const QualifiedName& table) {
  return "data/" + base::percent_encode(table.schema) + "/" + base::percent_encode(table.name);
}

std::optional<DataPath> data_path_of(std::string_view path) {
  const auto pieces = base::split(path, '/');
  if (pieces.size() != 4 || pieces[0] != "data") return std::nullopt;
  auto schema = base::percent_decode(pieces[1]);
  auto name = base::percent_decode(pieces[2]);
  if (!schema || !name) return std::nullopt;
  return DataPath{std::move(*schema), std::move(*name)};
}

}  // namespace stillpoint::database::postgresql

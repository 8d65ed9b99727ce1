// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/target/stored_schema.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/encoding.h"

namespace stillpoint::database::mysql {
namespace {

using nlohmann::json;

constexpr std::string_view tables_path = "schema/tables.json";
constexpr std::string_view definitions_path = "schema/definitions.json";

Error unreadable(std::string_view path, std::string_view why) {
  return Error{Errc::corrupt, "read " + std::string(path) + ": " + std::string(why),
               "check the repository: stillpoint check --read-data"};
}

std::string text(const json& from, const char* key) {
  return from.value(key, std::string());
}

std::vector<std::string> texts(const json& from, const char* key) {
  return from.value(key, std::vector<std::string>());
}

StoredTable table_of_json(const json& one) {
  StoredTable table;
  table.schema = one.at("schema");
  table.name = one.at("name");
  table.engine = text(one, "engine");
  table.create = one.at("create");
  table.base = text(one, "base");
  table.indexes = texts(one, "indexes");
  table.foreign_keys = texts(one, "foreign_keys");
  table.partitions = texts(one, "partitions");
  table.load = text(one, "load");
  table.select = text(one, "select");
  table.key = texts(one, "key");
  for (const json& part : one.at("parts")) {
    table.parts.push_back({part.at("path"), text(part, "partition")});
  }
  return table;
}

Result<StoredDefinition> definition_of_json(const json& one) {
  StoredDefinition definition;
  definition.kind = one.at("kind");
  definition.schema = one.at("schema");
  definition.name = one.at("name");
  definition.table = text(one, "table");
  definition.sql_mode = text(one, "sql_mode");
  definition.charset = text(one, "charset");
  definition.collation_connection = text(one, "collation_connection");
  definition.schema_collation = text(one, "schema_collation");
  definition.time_zone = text(one, "time_zone");
  definition.next_value = text(one, "next_value");
  definition.valid = one.value("valid", true);
  definition.text = text(one, "create");
  if (one.contains("create_base64")) {
    const Bytes bytes = TRY(base::from_base64(text(one, "create_base64")));
    definition.text = base::text_of(bytes);
  }
  return definition;
}

// Of what select_list() made: each column's name is in it once, in its quotes.
std::vector<std::string> columns_of(std::string_view select) {
  std::vector<std::string> names;
  for (std::size_t at = select.find('`'); at < select.size(); at = select.find('`', at)) {
    std::string& name = names.emplace_back();
    ++at;
    while (at < select.size()) {
      if (select[at] == '`' && (++at == select.size() || select[at] != '`')) break;
      name += select[at++];
    }
  }
  return names;
}

}  // namespace

std::string StoredTable::shown(const std::string& partition) const {
  return display_qualified(schema, name) + (partition.empty() ? "" : "." + display_name(partition));
}

const StoredTable* StoredSchema::table_of(std::string_view path) const {
  const auto found = std::find_if(tables.begin(), tables.end(), [&](const StoredTable& table) {
    return std::any_of(table.parts.begin(), table.parts.end(),
                       [&](const StoredPart& part) { return part.path == path; });
  });
  return found == tables.end() ? nullptr : &*found;
}

const StoredTable* StoredSchema::find(std::string_view schema, std::string_view name) const {
  const auto found = std::find_if(tables.begin(), tables.end(), [&](const StoredTable& table) {
    return table.schema == schema && table.name == name;
  });
  return found == tables.end() ? nullptr : &*found;
}

const Schema* StoredSchema::schema(std::string_view name) const {
  const auto found = std::find_if(schemas.begin(), schemas.end(),
                                  [&](const Schema& one) { return one.name == name; });
  return found == schemas.end() ? nullptr : &*found;
}

bool is_read_by_restore(std::string_view path) {
  return path == tables_path || path == definitions_path;
}

Result<StoredSchema> read_stored_schema(const std::map<std::string, std::string>& parts) {
  const auto tables = parts.find(std::string(tables_path));
  const auto definitions = parts.find(std::string(definitions_path));
  if (tables == parts.end() || definitions == parts.end()) {
    return fail(
        unreadable(tables == parts.end() ? tables_path : definitions_path, "it is missing"));
  }
  StoredSchema schema;
  try {
    const json all = json::parse(tables->second);
    schema.mariadb = all.at("flavor") == "mariadb";
    for (const json& one : all.at("schemas")) {
      schema.schemas.push_back({one.at("name"), one.at("charset"), one.at("collation")});
    }
    for (const json& one : all.at("tables")) schema.tables.push_back(table_of_json(one));
  } catch (const json::exception& problem) {
    return fail(unreadable(tables_path, problem.what()));
  }
  schema.definitions = TRY(read_definitions_text(definitions->second));
  return schema;
}

Result<std::vector<database::StoredTable>> stored_tables(const StoredParts& parts,
                                                         std::stop_token stop) {
  const std::string text = TRY(read_stored_part(parts, std::string(tables_path), std::move(stop)));
  std::vector<database::StoredTable> tables;
  try {
    const json all = json::parse(text);
    for (const json& one : all.at("tables")) {
      const StoredTable stored = table_of_json(one);
      database::StoredTable& table = tables.emplace_back();
      table = {stored.schema, stored.name, stored.shown(), columns_of(stored.select), {}};
      for (const StoredPart& part : stored.parts) table.paths.push_back(part.path);
    }
  } catch (const json::exception& problem) {
    return fail(unreadable(tables_path, problem.what()));
  }
  return tables;
}

std::string text_of(const std::vector<StoredDefinition>& definitions) {
  json all = json::array();
  for (const StoredDefinition& one : definitions) {
    all.push_back({{"kind", one.kind},
                   {"schema", one.schema},
                   {"name", one.name},
                   {"table", one.table},
                   {"create_base64", base::base64(base::view_of(one.text))},
                   {"sql_mode", one.sql_mode},
                   {"charset", one.charset},
                   {"collation_connection", one.collation_connection},
                   {"schema_collation", one.schema_collation},
                   {"time_zone", one.time_zone},
                   {"next_value", one.next_value},
                   {"valid", one.valid}});
  }
  return json{{"definitions", all}}.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<std::vector<StoredDefinition>> read_definitions_text(std::string_view text) {
  std::vector<StoredDefinition> all;
  try {
    const json parsed = json::parse(text);
    for (const json& one : parsed.at("definitions")) all.push_back(TRY(definition_of_json(one)));
  } catch (const json::exception& problem) {
    return fail(unreadable(definitions_path, problem.what()));
  }
  return all;
}

std::vector<StoredDefinition> stored(const std::vector<Statement>& statements) {
  std::vector<StoredDefinition> all;
  for (const Statement& one : statements) {
    all.push_back({one.what->kind, one.what->schema, one.what->name, one.what->table, one.text,
                   one.sql_mode, one.charset, one.collation_connection, one.schema_collation,
                   one.time_zone, one.next_value, one.valid});
  }
  return all;
}

}  // namespace stillpoint::database::mysql

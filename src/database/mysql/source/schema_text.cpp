// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/source/schema_text.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/encoding.h"
#include "base/text.h"
#include "database/mysql/source/row_text.h"

namespace stillpoint::database::mysql {
namespace {

using nlohmann::json;

// What MariaDB alone knows stands in comments that it alone runs.
const std::string header =
    "SET NAMES utf8mb4;\nSET SESSION time_zone = '+00:00';\n"
    "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES';\n"
    "SET SESSION foreign_key_checks = 0;\nSET SESSION unique_checks = 0;\n"
    "/*M!100202 SET SESSION check_constraint_checks = 0 */;\n";

std::string schema_of(const std::string& schema, std::string& current) {
  if (schema == current) return "";
  current = schema;
  return "USE " + quote_name(schema) + ";\n";
}

std::string databases_sql(const Inventory& inventory) {
  std::string text = "-- The schemas. Then sequences.sql, tables.sql, load.sql and the others.\n";
  for (const Schema& schema : inventory.schemas) {
    text += "CREATE DATABASE IF NOT EXISTS " + quote_name(schema.name) + " CHARACTER SET " +
            schema.charset + " COLLATE " + schema.collation + ";\n";
  }
  return text;
}

std::string tables_sql(const SchemaContent& content) {
  std::string text = header;
  std::string current;
  for (const TableStatement& table : content.tables) {
    text += schema_of(table.table->schema, current) + table.definition.complete + ";\n";
  }
  return text;
}

std::string load_sql(const SchemaContent& content) {
  std::string text =
      "-- Loads the rows. Run in the folder that holds this backup's folders schema and data:\n"
      "--   mysql --local-infile=1 --show-warnings < schema/load.sql\n"
      "-- A warning is a row that did not go in as it was.\n" +
      header;
  for (const LoadPart& part : content.parts) {
    text += "LOAD DATA LOCAL INFILE '" + part.path + "' INTO TABLE " + part.table->quoted() + " " +
            load_format(*part.table, content.mariadb) + ";\n";
  }
  return text;
}

// One that the statement does not contain.
std::string delimiter_for(const std::string& statement) {
  for (const char* one : {";;", "$$", "//", "@@", "||", "~~~~"}) {
    if (statement.find(one) == std::string::npos) return one;
  }
  return ";;;;stillpoint";
}

std::string as_comment(const std::string& text) {
  return "-- " + base::join(base::split(text, '\n'), "\n-- ") + "\n";
}

std::string statement_sql(const Statement& one, const Schema& schema, std::string& current) {
  if (!one.valid) {
    return "-- This view could not be read: it may not be possible to make it.\n" +
           as_comment(schema_of(one.what->schema, current = "") + one.text);
  }
  if (one.what->kind == "sequence") {
    return schema_of(one.what->schema, current) + one.text + ";\nSELECT SETVAL(" +
           quote_name(one.what->name) + ", " + one.next_value + ", 0);\n";
  }
  const bool other_collation =
      !one.schema_collation.empty() && one.schema_collation != schema.collation;
  const std::string alter = "ALTER DATABASE " + quote_name(schema.name) + " COLLATE ";
  std::string text = schema_of(one.what->schema, current);
  if (other_collation) text += alter + one.schema_collation + ";\n";
  text += "SET SESSION sql_mode = " + quote_text(one.sql_mode) + ";\n";
  if (!one.time_zone.empty())
    text += "SET SESSION time_zone = " + quote_text(one.time_zone) + ";\n";
  text += "SET SESSION character_set_client = " + (one.charset.empty() ? "utf8mb4" : one.charset) +
          ";\n";
  if (!one.collation_connection.empty()) {
    text += "SET SESSION collation_connection = " + one.collation_connection + ";\n";
  }
  const std::string delimiter = delimiter_for(one.text);
  text += "DELIMITER " + delimiter + "\n" + one.text + delimiter + "\nDELIMITER ;\n";
  if (other_collation) text += alter + schema.collation + ";\n";
  return text;
}

std::string definitions_sql(const SchemaContent& content,
                            const std::vector<std::string_view>& kinds) {
  std::string text;
  std::string current;
  for (const Statement& one : content.definitions) {
    if (std::find(kinds.begin(), kinds.end(), one.what->kind) == kinds.end()) continue;
    const auto schema =
        std::find_if(content.inventory.schemas.begin(), content.inventory.schemas.end(),
                     [&](const Schema& each) { return each.name == one.what->schema; });
    text += statement_sql(one, *schema, current);
  }
  return text.empty() ? text : header + text;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = base::utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

json table_json(const TableStatement& one, const SchemaContent& content) {
  const Table& table = *one.table;
  json partitions = json::array();
  for (const Partition& partition : table.partitions) partitions.push_back(partition.name);
  json parts = json::array();
  for (const LoadPart& part : content.parts) {
    if (part.table != &table) continue;
    parts.push_back({{"path", part.path}, {"partition", part.partition}});
  }
  return {{"schema", table.schema},
          {"name", table.name},
          {"engine", table.engine},
          {"create", one.definition.complete},
          {"base", one.definition.base},
          {"indexes", one.definition.indexes},
          {"foreign_keys", one.definition.foreign_keys},
          {"partitions", partitions},
          {"load", load_format(table, content.mariadb)},
          {"select", select_list(table)},
          {"key", table.key.columns},
          {"parts", parts}};
}

// One line a table, so that a reader of the file sees what has changed.
std::string tables_json(const SchemaContent& content) {
  std::vector<std::string> schemas;
  for (const Schema& schema : content.inventory.schemas) {
    schemas.push_back(
        json{{"name", schema.name}, {"charset", schema.charset}, {"collation", schema.collation}}
            .dump());
  }
  std::vector<std::string> tables;
  for (const TableStatement& one : content.tables) {
    tables.push_back(table_json(one, content).dump());
  }
  return "{\"flavor\": \"" + std::string(content.mariadb ? "mariadb" : "mysql") +
         "\", \"schemas\": [\n" + base::join(schemas, ",\n") + "\n], \"tables\": [\n" +
         base::join(tables, ",\n") + "\n]}\n";
}

std::string definitions_json(const SchemaContent& content) {
  std::vector<std::string> texts;
  for (const Statement& one : content.definitions) {
    json entry = {{"kind", one.what->kind},
                  {"schema", one.what->schema},
                  {"name", one.what->name},
                  {"table", one.what->table},
                  {"sql_mode", one.sql_mode},
                  {"charset", one.charset},
                  {"collation_connection", one.collation_connection},
                  {"schema_collation", one.schema_collation},
                  {"time_zone", one.time_zone},
                  {"next_value", one.next_value},
                  {"valid", one.valid}};
    if (is_utf8(one.text)) {
      entry["create"] = one.text;
    } else {
      entry["create_base64"] = base::base64(base::view_of(one.text));
    }
    texts.push_back(entry.dump());
  }
  return "{\"definitions\": [\n" + base::join(texts, ",\n") + "\n]}\n";
}

}  // namespace

std::vector<SchemaFile> schema_files(const SchemaContent& content) {
  std::vector<SchemaFile> files;
  const auto add = [&](const std::string& name, std::string text) {
    if (!text.empty()) files.push_back({name, std::move(text)});
  };
  add("tables.json", tables_json(content));
  add("definitions.json", definitions_json(content));
  add("databases.sql", databases_sql(content.inventory));
  add("sequences.sql", definitions_sql(content, {"sequence"}));
  add("tables.sql", tables_sql(content));
  add("load.sql", load_sql(content));
  add("routines.sql",
      definitions_sql(content, {"package", "package body", "function", "procedure"}));
  add("views.sql", definitions_sql(content, {"view"}));
  add("triggers.sql", definitions_sql(content, {"trigger"}));
  add("events.sql", definitions_sql(content, {"event"}));
  return files;
}

}  // namespace stillpoint::database::mysql

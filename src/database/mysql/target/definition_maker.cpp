// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/target/definition_maker.h"

#include <algorithm>

#include "base/text.h"
#include "database/mysql/target/statement_text.h"

namespace stillpoint::database::mysql {
namespace {

constexpr const char* own_settings =
    "SET NAMES utf8mb4; SET SESSION sql_mode = '', time_zone = '+00:00'";

std::string place_of(const StoredDefinition& definition, const MakingOptions& options) {
  const auto found = options.schemas.find(definition.schema);
  return found == options.schemas.end() ? definition.schema : found->second;
}

std::string text_for(const StoredDefinition& definition, const MakingOptions& options) {
  std::string text = definition.text;
  if (definition.kind == "view") text = with_schemas(text, options.schemas);
  if (definition.kind == "trigger") {
    const auto other = options.tables.find({definition.schema, definition.table});
    text = with_trigger_on(text, definition.name,
                           other == options.tables.end() ? definition.table : other->second);
  }
  if (definition.kind == "event" && options.events_sleep) text = with_event_disabled(text);
  return options.no_owner ? without_definer(text) : text;
}

std::string settings_for(const StoredDefinition& definition) {
  std::string sql = "SET SESSION sql_mode = " + quote_text(definition.sql_mode);
  if (!definition.time_zone.empty()) {
    sql += ", time_zone = " + quote_text(definition.time_zone);
  }
  if (!definition.charset.empty()) sql += ", character_set_client = " + definition.charset;
  if (!definition.collation_connection.empty()) {
    sql += ", collation_connection = " + definition.collation_connection;
  }
  return sql;
}

Result<void> make(Connection& session, const StoredDefinition& definition,
                  const MakingOptions& options, const std::string& schema) {
  TRY(session.execute("USE " + quote_name(schema)));
  if (definition.kind == "sequence") {
    TRY(session.execute(text_for(definition, options)));
    return session.execute("SELECT SETVAL(" + quote_name(definition.name) + ", " +
                           definition.next_value + ", 0)");
  }
  std::string collation;
  if (!definition.schema_collation.empty() && definition.kind != "view") {
    collation = TRY(session.value(
        "SELECT default_collation_name FROM information_schema.schemata WHERE schema_name = " +
        quote_text(schema)));
  }
  const std::string alter = "ALTER DATABASE " + quote_name(schema) + " COLLATE ";
  const bool other = !collation.empty() && collation != definition.schema_collation;
  if (other) TRY(session.execute(alter + definition.schema_collation));
  Result<void> made = session.execute(settings_for(definition));
  if (made) made = session.execute(text_for(definition, options));
  TRY(session.execute(own_settings));
  if (other) TRY(session.execute(alter + collation));
  return made;
}

}  // namespace

Result<void> make_definition(Connection& session, const StoredDefinition& definition,
                             const MakingOptions& options) {
  const std::string schema = place_of(definition, options);
  Result<void> made = make(session, definition, options, schema);
  if (made) return made;
  Error error = std::move(made.error());
  if (error.message.ends_with("[1227]") && !options.no_owner) {
    error.advice =
        "grant the user the right to define things for others (SET USER in MariaDB, "
        "SET_ANY_DEFINER in MySQL, for administrators' things also SYSTEM_USER), or restore with "
        "--no-owner: then all is defined by who "
        "restores";
  }
  return fail(std::move(error).during("make the " + base::printable(definition.shown())));
}

std::string drop_sql(const StoredDefinition& definition, const std::string& schema) {
  std::string kind = definition.kind;
  std::transform(kind.begin(), kind.end(), kind.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return "DROP " + kind + " IF EXISTS " + quote_qualified(schema, definition.name);
}

bool is_routine(const StoredDefinition& definition) {
  return definition.kind == "procedure" || definition.kind == "function" ||
         definition.kind == "package" || definition.kind == "package body";
}

}  // namespace stillpoint::database::mysql

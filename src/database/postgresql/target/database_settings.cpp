// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/target/database_settings.h"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace stillpoint::database::postgresql {
namespace {

// The columns of pg_database that came with newer servers.
std::string settings_sql(int version) {
  const std::string provider =
      version < 150000 ? "'libc'"
                       : "CASE datlocprovider WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin'"
                         " ELSE 'libc' END";
  const std::string locale = version < 150000   ? "NULL"
                             : version < 170000 ? "daticulocale"
                                                : "datlocale";
  return "SELECT pg_get_userbyid(datdba), pg_encoding_to_char(encoding), " + provider +
         ", datcollate, datctype, " + locale + ", " + (version < 160000 ? "NULL" : "daticurules") +
         ", t.spcname, datconnlimit, datistemplate, datallowconn,"
         " coalesce(shobj_description(d.oid, 'pg_database'), ''), datacl IS NULL, d.oid"
         " FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace"
         " WHERE datname = $1::name";
}

Result<std::vector<Privilege>> read_privileges(Connection& session, const std::string& oid) {
  // The owner's first: others may have granted on what he has granted.
  const auto rows =
      TRY(session.query("SELECT CASE a.grantee WHEN 0 THEN '' ELSE pg_get_userbyid(a.grantee) END,"
                        " pg_get_userbyid(a.grantor), a.privilege_type, a.is_grantable"
                        " FROM pg_database d, aclexplode(d.datacl) WITH ORDINALITY a"
                        " (grantor, grantee, privilege_type, is_grantable, place)"
                        " WHERE d.oid = $1::oid ORDER BY a.grantor <> d.datdba, a.place",
                        {oid}));
  std::vector<Privilege> privileges;
  for (const Row& row : rows) {
    privileges.push_back({row.text(0), row.text(1), row.text(2), row.flag(3)});
  }
  return privileges;
}

Result<void> read_further(Connection& session, const std::string& oid, DatabaseSettings& settings) {
  const auto labels =
      TRY(session.query("SELECT provider, label FROM pg_shseclabel"
                        " WHERE classoid = 'pg_database'::regclass AND objoid = $1::oid ORDER BY 1",
                        {oid}));
  for (const Row& row : labels) {
    settings.labels.push_back({row.text(0), row.text(1)});
  }
  const auto values = TRY(
      session.query("SELECT CASE s.setrole WHEN 0 THEN '' ELSE pg_get_userbyid(s.setrole) END, c"
                    " FROM pg_db_role_setting s, unnest(s.setconfig) WITH ORDINALITY u (c, place)"
                    " WHERE s.setdatabase = $1::oid ORDER BY 1, u.place",
                    {oid}));
  for (const Row& row : values) {
    const std::string& text = row.text(1);
    const std::size_t equals = std::min(text.find('='), text.size() - 1);
    settings.settings.push_back({row.text(0), text.substr(0, equals), text.substr(equals + 1)});
  }
  return {};
}

// Settings whose values are lists of names, each quoted by itself (as in pg_dump's dumputils.c).
bool is_list_of_names(std::string_view name) {
  constexpr std::array<std::string_view, 6> known = {
      "local_preload_libraries",  "search_path",      "session_preload_libraries",
      "shared_preload_libraries", "temp_tablespaces", "unix_socket_directories"};
  return std::find(known.begin(), known.end(), name) != known.end();
}

// Takes apart what PostgreSQL stores of such a list: a, "odd ""name""".
std::vector<std::string> names_in(std::string_view list) {
  std::vector<std::string> names;
  for (std::size_t at = 0; at < list.size();) {
    std::string name;
    while (at < list.size() && list[at] == ' ') ++at;
    if (at < list.size() && list[at] == '"') {
      for (++at; at < list.size(); ++at) {
        if (list[at] == '"' && !(at + 1 < list.size() && list[at + 1] == '"')) break;
        if (list[at] == '"') ++at;
        name += list[at];
      }
      while (at < list.size() && list[at] != ',') ++at;
    } else {
      while (at < list.size() && list[at] != ',') name += list[at++];
      while (name.ends_with(' ')) name.pop_back();
    }
    names.push_back(name);
    ++at;  // the comma
  }
  return names;
}

std::string value_text(const DatabaseSettings::Setting& setting) {
  if (!is_list_of_names(setting.name)) return quote_text(setting.value);
  std::vector<std::string> quoted;
  for (const std::string& name : names_in(setting.value)) quoted.push_back(quote_text(name));
  return quoted.empty() ? "''" : base::join(quoted, ", ");
}

void add_privileges(const DatabaseSettings& settings, const std::string& name,
                    std::vector<std::string>& statements) {
  const std::string owner = quote_name(settings.owner);
  if (!settings.privileges) return;
  statements.push_back("REVOKE ALL ON DATABASE " + name + " FROM PUBLIC, " + owner);
  for (const Privilege& privilege : *settings.privileges) {
    std::string grant = "GRANT " + privilege.privilege + " ON DATABASE " + name + " TO " +
                        (privilege.grantee.empty() ? "PUBLIC" : quote_name(privilege.grantee)) +
                        (privilege.grantable ? " WITH GRANT OPTION" : "");
    const bool others = !privilege.grantor.empty() && privilege.grantor != settings.owner;
    if (others) grant = "SET LOCAL ROLE " + quote_name(privilege.grantor) + "; " + grant;
    statements.push_back(grant + (others ? "; RESET ROLE" : ""));
  }
}

}  // namespace

Result<DatabaseSettings> read_database_settings(Connection& session, const std::string& database) {
  const Row row = TRY(session.row(settings_sql(session.server_version()), {database}));
  DatabaseSettings settings;
  settings.owner = row.text(0);
  settings.encoding = row.text(1);
  settings.provider = row.text(2);
  settings.collate = row.text(3);
  settings.ctype = row.text(4);
  settings.locale = row.text(5);
  settings.icu_rules = row.text(6);
  settings.tablespace = row.text(7);
  settings.connection_limit = static_cast<int>(row.number(8));
  settings.is_template = row.flag(9);
  settings.allows_connections = row.flag(10);
  settings.comment = row.text(11);
  if (!row.flag(12)) settings.privileges = TRY(read_privileges(session, row.text(13)));
  TRY(read_further(session, row.text(13), settings));
  return settings;
}

namespace {

std::string text(const nlohmann::json& json, const char* key) {
  return json.at(key).get<std::string>();
}

// Where the backup says null: empty.
std::string text_or_empty(const nlohmann::json& json, const char* key) {
  const auto found = json.find(key);
  return found == json.end() || found->is_null() ? std::string() : found->get<std::string>();
}

const nlohmann::json& list(const nlohmann::json& json, const char* key) {
  static const nlohmann::json none = nlohmann::json::array();
  const auto found = json.find(key);
  return found == json.end() || found->is_null() ? none : *found;
}

std::string provider_named(const std::string& letter) {
  return letter == "i" ? "icu" : letter == "b" ? "builtin" : "libc";
}

void fill(const nlohmann::json& json, DatabaseSettings& settings) {
  settings.owner = text(json, "owner");
  settings.encoding = text(json, "encoding");
  settings.provider = provider_named(text(json, "locale_provider"));
  settings.collate = text(json, "collate");
  settings.ctype = text(json, "ctype");
  settings.locale = text_or_empty(json, "locale");
  settings.icu_rules = text_or_empty(json, "icu_rules");
  settings.tablespace = text(json, "tablespace");
  settings.connection_limit = json.at("connection_limit").get<int>();
  settings.is_template = json.at("is_template").get<bool>();
  settings.allows_connections = json.at("allow_connections").get<bool>();
  settings.comment = text_or_empty(json, "comment");
  if (!json.at("acl").is_null()) settings.privileges.emplace();
  for (const auto& one : list(json, "acl")) {
    settings.privileges->push_back({text_or_empty(one, "grantee"), text_or_empty(one, "grantor"),
                                    text(one, "privilege"), one.at("grantable").get<bool>()});
  }
  for (const auto& one : list(json, "security_labels")) {
    settings.labels.push_back({text(one, "provider"), text(one, "label")});
  }
  for (const auto& one : list(json, "settings")) {
    settings.settings.push_back(
        {text_or_empty(one, "role"), text(one, "name"), text(one, "value")});
  }
}

}  // namespace

Result<DatabaseSettings> parse_database_settings(std::string_view json) {
  DatabaseSettings settings;
  try {
    fill(nlohmann::json::parse(json), settings);
  } catch (const nlohmann::json::exception& error) {
    return fail(Errc::corrupt, "read schema/database.json: {}", error.what());
  }
  // The owner's privileges first: others may have granted on what he has granted.
  if (settings.privileges) {
    std::stable_partition(settings.privileges->begin(), settings.privileges->end(),
                          [&](const Privilege& one) { return one.grantor == settings.owner; });
  }
  return settings;
}

std::string create_statement(const DatabaseSettings& settings, const std::string& database,
                             int server_version) {
  std::string sql = "CREATE DATABASE " + quote_name(database) + " TEMPLATE template0 ENCODING " +
                    quote_text(settings.encoding) + " LC_COLLATE " + quote_text(settings.collate) +
                    " LC_CTYPE " + quote_text(settings.ctype);
  if (settings.provider == "icu") {
    sql += " LOCALE_PROVIDER icu ICU_LOCALE " + quote_text(settings.locale);
    if (!settings.icu_rules.empty()) sql += " ICU_RULES " + quote_text(settings.icu_rules);
  } else if (settings.provider == "builtin") {
    sql += " LOCALE_PROVIDER builtin BUILTIN_LOCALE " + quote_text(settings.locale);
  } else if (server_version >= 150000) {
    sql += " LOCALE_PROVIDER libc";
  }
  // To name the default one takes a right of its own.
  const bool elsewhere = !settings.tablespace.empty() && settings.tablespace != "pg_default";
  if (elsewhere) sql += " TABLESPACE " + quote_name(settings.tablespace);
  if (!settings.owner.empty()) sql += " OWNER " + quote_name(settings.owner);
  return sql;
}

std::string setting_statement(const DatabaseSettings::Setting& setting,
                              const std::string& database) {
  const std::string name = quote_name(database);
  const std::string of = setting.role.empty()
                             ? "ALTER DATABASE " + name
                             : "ALTER ROLE " + quote_name(setting.role) + " IN DATABASE " + name;
  return of + " SET " + quote_name(setting.name) + " TO " + value_text(setting);
}

std::vector<std::string> settings_statements(const DatabaseSettings& settings,
                                             const std::string& database) {
  const std::string name = quote_name(database);
  const std::string alter = "ALTER DATABASE " + name;
  std::vector<std::string> statements;
  if (!settings.owner.empty()) {
    statements.push_back(alter + " OWNER TO " + quote_name(settings.owner));
  }
  add_privileges(settings, name, statements);
  if (settings.connection_limit != -1) {
    statements.push_back(alter + " CONNECTION LIMIT " + std::to_string(settings.connection_limit));
  }
  if (settings.is_template) statements.push_back(alter + " IS_TEMPLATE true");
  if (!settings.allows_connections) statements.push_back(alter + " ALLOW_CONNECTIONS false");
  for (const auto& setting : settings.settings) {
    statements.push_back(setting_statement(setting, database));
  }
  for (const auto& label : settings.labels) {
    statements.push_back("SECURITY LABEL FOR " + quote_name(label.provider) + " ON DATABASE " +
                         name + " IS " + quote_text(label.label));
  }
  statements.push_back("COMMENT ON DATABASE " + name + " IS " +
                       (settings.comment.empty() ? "NULL" : quote_text(settings.comment)));
  return statements;
}

}  // namespace stillpoint::database::postgresql

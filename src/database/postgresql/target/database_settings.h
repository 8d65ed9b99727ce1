// SPDX-License-Identifier: Apache-2.0
// What belongs to a database and not to anything in it: owner, locale, privileges, settings.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "database/postgresql/session/connection.h"

namespace stillpoint::database::postgresql {

struct Privilege {
  std::string grantee = {};  // empty: PUBLIC
  std::string grantor = {};
  std::string privilege = {};  // "CONNECT"
  bool grantable = false;
};

struct DatabaseSettings {
  std::string owner = {};
  std::string encoding = {};  // "UTF8"
  std::string provider = {};  // "libc", "icu", "builtin"
  std::string collate = {};
  std::string ctype = {};
  std::string locale = {};  // of icu and builtin
  std::string icu_rules = {};
  std::string tablespace = {};
  int connection_limit = -1;
  bool is_template = false;
  bool allows_connections = true;
  std::optional<std::vector<Privilege>> privileges = {};  // nothing: PostgreSQL's own
  std::string comment = {};
  struct Label {
    std::string provider = {};
    std::string label = {};
  };
  std::vector<Label> labels = {};
  struct Setting {
    std::string role = {};  // empty: of all
    std::string name = {};
    std::string value = {};
  };
  std::vector<Setting> settings = {};
};

// `not_found` where there is no such database.
Result<DatabaseSettings> read_database_settings(Connection& session, const std::string& database);
// Of schema/database.json.
Result<DatabaseSettings> parse_database_settings(std::string_view json);

// CREATE DATABASE … with what cannot be changed later, and the owner.
std::string create_statement(const DatabaseSettings& settings, const std::string& database,
                             int server_version);
// The rest, to be run in one transaction.
std::vector<std::string> settings_statements(const DatabaseSettings& settings,
                                             const std::string& database);

std::string setting_statement(const DatabaseSettings::Setting& setting,
                              const std::string& database);

}  // namespace stillpoint::database::postgresql

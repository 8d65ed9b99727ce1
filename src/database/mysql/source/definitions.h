// SPDX-License-Identifier: Apache-2.0
// The statements that make what is in the schemas again, as the server prints them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "database/mysql/session/connection.h"
#include "database/mysql/source/inventory.h"
#include "database/mysql/source/table_definition.h"

namespace stillpoint::database::mysql {

// Of a view, routine, trigger, event or sequence. What it was made under is part of what it means.
struct Statement {
  const Definition* what = nullptr;
  std::string text = {};       // in its own character set
  std::string qualified = {};  // a view's, with the schema before every name
  std::string sql_mode = {};
  std::string charset = {};  // character_set_client; empty: utf8mb4
  std::string collation_connection = {};
  std::string schema_collation = {};
  std::string time_zone = {};   // an event's
  std::string next_value = {};  // a sequence's
  bool valid = true;            // a view that can be read now

  // Whether it would be made again alike.
  bool same(const Statement& other) const {
    return text == other.text && sql_mode == other.sql_mode && charset == other.charset &&
           time_zone == other.time_zone;
  }
};

struct TableStatement {
  const Table* table = nullptr;
  TableDefinition definition = {};
};

// In an order in which they can be made: views after those that they read.
// `session` is put to character_set_results = binary for a while.
Result<std::vector<Statement>> read_definitions(Connection& session, const Inventory& inventory);
Result<std::vector<TableStatement>> read_tables(Connection& session, const Inventory& inventory);

// The accounts and their privileges, as a script.
Result<std::string> read_users(Connection& session, bool mariadb);

}  // namespace stillpoint::database::mysql

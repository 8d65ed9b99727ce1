// SPDX-License-Identifier: Apache-2.0
// What a backup's schema/tables.json and schema/definitions.json say (docs/formats/mysql.md).
#pragma once

#include <map>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "database/mysql/source/definitions.h"
#include "database/mysql/source/inventory.h"
#include "database/stored_rows.h"

namespace stillpoint::database::mysql {

struct StoredPart {
  std::string path = {};
  std::string partition = {};
};

struct StoredTable {
  std::string schema = {};
  std::string name = {};
  std::string engine = {};
  std::string create = {};
  std::string base = {};  // without the next two
  std::vector<std::string> indexes = {};
  std::vector<std::string> foreign_keys = {};
  std::vector<std::string> partitions = {};
  std::string load = {};
  std::string select = {};
  std::vector<std::string> key = {};
  std::vector<StoredPart> parts = {};

  bool transactional() const { return engine == "InnoDB"; }
  // As the backup's objects are named: of the table, or of one of its partitions.
  std::string shown(const std::string& partition = {}) const;
};

// A view, routine, trigger, event or sequence, and what it was made under.
struct StoredDefinition {
  std::string kind = {};
  std::string schema = {};
  std::string name = {};
  std::string table = {};
  std::string text = {};  // in its own character set
  std::string sql_mode = {};
  std::string charset = {};
  std::string collation_connection = {};
  std::string schema_collation = {};
  std::string time_zone = {};
  std::string next_value = {};
  bool valid = true;

  std::string shown() const { return kind + " " + display_qualified(schema, name); }
};

// Accounts as SQL writes them, and something that each defines.
using Definers = std::map<std::string, std::string>;

struct StoredSchema {
  bool mariadb = false;
  std::vector<Schema> schemas = {};
  std::vector<StoredTable> tables = {};
  std::vector<StoredDefinition> definitions = {};

  const StoredTable* table_of(std::string_view path) const;  // of a part
  const StoredTable* find(std::string_view schema, std::string_view name) const;
  const Schema* schema(std::string_view name) const;
};

// Whether a restore needs this part below "schema/"; the others are for people.
bool is_read_by_restore(std::string_view path);
Result<StoredSchema> read_stored_schema(const std::map<std::string, std::string>& parts);

// For who reads the rows alone.
Result<std::vector<database::StoredTable>> stored_tables(const StoredParts& parts,
                                                         std::stop_token stop);

// The same for the journal of a switch.
std::string text_of(const std::vector<StoredDefinition>& definitions);
Result<std::vector<StoredDefinition>> read_definitions_text(std::string_view text);
std::vector<StoredDefinition> stored(const std::vector<Statement>& statements);

}  // namespace stillpoint::database::mysql

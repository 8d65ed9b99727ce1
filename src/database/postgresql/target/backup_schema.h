// SPDX-License-Identifier: Apache-2.0
// What the parts below "schema/" of a backup say.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "database/postgresql/target/database_settings.h"
#include "database/stored_rows.h"

namespace stillpoint::database::postgresql {

// A table of schema/tables.json.
struct BackupTable {
  std::string schema = {};
  std::string name = {};
  // In the order of the rows' values. A table of an extension has rows of its own besides.
  std::vector<std::string> copy_columns = {};
  bool has_rows = false;  // of its own, in the backup
  // The partitioned table that its rows have to be loaded through, since they may belong to another
  // partition of it on another server.
  std::optional<QualifiedName> through = {};
  bool of_extension = false;  // its configuration table
};

// Of schema/sequences.json.
struct BackupSequence {
  std::string schema = {};
  std::string name = {};
  std::int64_t value = 0;
  bool called = false;  // the next one comes after it
};

struct BackupSchema {
  base::File archive;  // schema/schema.dump, in memory; closed where it was not asked for
  DatabaseSettings database;
  std::vector<BackupTable> tables;
  std::string tables_json;  // with all that it says of them
  std::vector<BackupSequence> sequences;
  std::set<std::string> roles;  // that own tables or have privileges on them

  const BackupTable* find(std::string_view schema, std::string_view name) const;
};

// Whether a restore needs this part below "schema/"; the others are for people.
bool is_read_by_restore(std::string_view path);
Result<BackupSchema> read_backup_schema(const std::map<std::string, std::string>& parts);

// For who reads the rows alone.
Result<std::vector<StoredTable>> stored_tables(const StoredParts& parts, std::stop_token stop);

// "data/public/accounts/0000": of which table. Nothing for other paths.
struct DataPath {
  std::string schema = {};
  std::string name = {};
};
std::optional<DataPath> data_path_of(std::string_view path);
// "data/public/accounts"
std::string folder_of_table(const QualifiedName& table);

}  // namespace stillpoint::database::postgresql

// SPDX-License-Identifier: Apache-2.0
// A table as schema/tables.json describes it, and the statements that make it under another name.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "database/postgresql/session/connection.h"
#include "database/postgresql/target/database_settings.h"

namespace stillpoint::database::postgresql {

struct TableColumn {
  std::string name = {};
  std::string type = {};
  std::string collation = {};  // quoted; empty: the type's
  bool not_null = false;
  std::string expression = {};  // of the default, or what it is generated from
  char identity = 0;            // 'a' always, 'd' by default
  bool generated = false;
  std::string storage = {};
  std::optional<int> statistics = {};
  std::vector<std::string> options = {};
  std::string comment = {};
  std::vector<Privilege> privileges = {};
};

struct TableConstraint {
  std::string name = {};
  char type = 0;  // p, u, x, c, f as in pg_constraint
  std::string definition = {};
  bool inherited = false;  // of what it is a partition of, or inherits from
  std::string comment = {};
};

struct TableIndex {
  std::string name = {};
  std::string definition = {};  // what follows USING
  bool unique = false;
  bool of_constraint = false;
  bool clustered = false;
  bool replica_identity = false;
  std::string comment = {};
};

struct TableDefinition {
  QualifiedName name = {};
  enum class Kind { table, partition, partitioned };
  Kind kind = Kind::table;
  bool unlogged = false;
  std::string owner = {};
  std::vector<std::string> options = {};
  bool row_security = false;
  bool force_row_security = false;
  char replica_identity = 'd';
  std::string partition_key = {};  // of a partitioned one
  std::string bound = {};          // of a partition: "FOR VALUES FROM …"
  std::vector<QualifiedName> parents = {};
  std::vector<TableColumn> columns = {};
  std::vector<TableConstraint> constraints = {};
  std::vector<TableIndex> indexes = {};
  std::string comment = {};
  std::optional<std::vector<Privilege>> privileges = {};
};

// All of schema/tables.json.
Result<std::vector<TableDefinition>> parse_table_definitions(std::string_view json);

// CREATE TABLE with its columns; their defaults as given, one for each column, empty for none.
std::string create_table_sql(const TableDefinition& table, const QualifiedName& as,
                             const std::vector<std::string>& defaults);
// What it has besides data, indexes and constraints: storage, comments; with owner and privileges
// unless they are to be left out.
std::vector<std::string> table_property_statements(const TableDefinition& table,
                                                   const QualifiedName& as, bool no_owner);
// "GRANT SELECT (a) ON …" of each.
std::string grant_statement(const Privilege& privilege, const std::string& what,
                            const std::string& column = {});

}  // namespace stillpoint::database::postgresql

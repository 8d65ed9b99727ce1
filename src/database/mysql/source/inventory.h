// SPDX-License-Identifier: Apache-2.0
// What there is in the schemas, as information_schema tells: which of it has rows, and how large it
// is. No snapshot holds it: it is what is there now.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "database/mysql/session/connection.h"

namespace stillpoint::database::mysql {

struct Column {
  std::string name = {};
  std::string type = {};       // data_type: "int", "varchar"
  std::string full_type = {};  // column_type: "int(10) unsigned"
  std::string charset = {};    // empty for what is no text
  std::string collation = {};
  bool generated = false;  // its values come from others: it is not in the rows
  bool auto_increment = false;
};

// The primary key, where rows can be ordered and cut by it.
struct Key {
  std::vector<std::string> columns = {};
};

struct Partition {
  std::string name = {};  // of the partition or, where there are such, the subpartition
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
};

struct Table {
  std::string schema = {};
  std::string name = {};
  std::string engine = {};
  bool versioned = false;  // WITH SYSTEM VERSIONING
  bool late = false;       // was not there when the others were locked in place
  std::uint64_t rows = 0;  // estimates
  std::uint64_t bytes = 0;
  std::vector<Column> columns = {};  // those whose values are in the rows
  std::size_t columns_in_all = 0;
  Key key = {};  // without columns: none
  std::vector<Partition> partitions = {};
  bool chosen = true;

  bool transactional() const;
  // Its rows are its own, not another table's or another server's.
  bool has_rows() const;
  const Column* column(const std::string& wanted) const;
  std::string quoted() const { return quote_qualified(schema, name); }
  std::string shown() const { return display_qualified(schema, name); }
};

// Views, routines, events …: their definition is all that they have.
struct Definition {
  std::string kind = {};  // "view", "procedure", "function", "package", "package body", "trigger",
                          // "event", "sequence"
  std::string schema = {};
  std::string name = {};
  std::string table = {};  // a trigger's
  bool chosen = true;

  std::string quoted() const { return quote_qualified(schema, name); }
  std::string shown() const { return display_qualified(schema, name); }
};

struct ForeignKey {
  std::string name = {};
  std::string schema = {};
  std::string table = {};
  std::string referenced_schema = {};
  std::string referenced = {};
};

struct Schema {
  std::string name = {};
  std::string charset = {};
  std::string collation = {};
};

struct Inventory {
  std::vector<Schema> schemas = {};
  std::vector<Table> tables = {};            // by schema and name
  std::vector<Definition> definitions = {};  // by kind, schema and name; triggers in their order
  std::vector<ForeignKey> foreign_keys = {};

  Table* find(const std::string& schema, const std::string& name);
  const Table* find(const std::string& schema, const std::string& name) const;
};

// Of these schemas; of all that are no server's own where none is named. `not_found` for a schema
// that is not there.
Result<Inventory> take_inventory(Connection& session, const std::vector<std::string>& schemas);

}  // namespace stillpoint::database::mysql

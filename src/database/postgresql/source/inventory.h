// SPDX-License-Identifier: Apache-2.0
// What there is in a database, as its catalogue tells: which of it has rows, and how large it is.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "database/postgresql/session/connection.h"

namespace stillpoint::database::postgresql {

using Oid = std::uint32_t;

struct Table {
  Oid oid = 0;
  std::string schema = {};
  std::string name = {};
  bool partitioned = false;  // has no rows of its own
  bool partition = false;
  bool unlogged = false;
  bool heap = true;            // stored as PostgreSQL does by itself: it can be read in ranges
  bool row_security = false;   // its policies would hide rows from this user
  std::string file_node = {};  // of its pg_class row: another one when it was written anew
  std::uint64_t pages = 0;     // of the table itself
  std::uint64_t bytes = 0;     // with its large values
  std::string condition = {};  // "WHERE …": rows of an extension's table that are the user's own
  std::vector<std::string> columns = {};  // those that COPY takes, in order
  std::vector<Oid> parents = {};          // what it is a partition of, or inherits from
  // By the hash of an enum's value, which is another one wherever the enum is made anew.
  bool hashed_by_enum = false;
  bool chosen = true;
  bool rows_chosen = true;  // else it is there for the sake of others only

  std::string quoted() const { return quote_qualified(schema, name); }
  std::string shown() const { return display_qualified(schema, name); }
};

struct Sequence {
  Oid oid = 0;
  std::string schema = {};
  std::string name = {};
  Oid owner_table = 0;  // whose column it counts; 0: nobody's
  bool chosen = true;

  std::string quoted() const { return quote_qualified(schema, name); }
  std::string shown() const { return display_qualified(schema, name); }
};

// Views, foreign tables, functions …: their definition is all that they have.
struct Definition {
  Oid oid = 0;
  std::string kind = {};
  std::string schema = {};
  std::string name = {};
  std::vector<Oid> needs = {};  // relations that a view reads
  bool chosen = true;
  bool relation = true;

  std::string shown() const;
};

struct ForeignKey {
  std::string name = {};
  Oid table = 0;
  Oid referenced = 0;
};

struct Inventory {
  std::vector<Table> tables = {};  // by schema and name
  std::vector<Sequence> sequences = {};
  std::vector<Definition> definitions = {};
  std::vector<ForeignKey> foreign_keys = {};
  bool large_objects = false;

  const Table* find(Oid oid) const;
  // Whether a table is that one, or a partition of it or of its partitions.
  bool within(const Table& table, const Table& whole) const;
  // The table through which a table's rows have to be loaded: mostly itself.
  const Table& load_through(const Table& table) const;
};

// Of the session's snapshot, where it has one open. Waits for no table's lock.
Result<Inventory> take_inventory(Connection& session);
// Sets `pages` and `bytes` of the chosen tables, all of which the session has locked: this takes a
// lock of each.
Result<void> measure_tables(Connection& session, Inventory& inventory);

}  // namespace stillpoint::database::postgresql

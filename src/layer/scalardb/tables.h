// SPDX-License-Identifier: Apache-2.0
// ScalarDB's tables, as its own metadata in each database says.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "database/row_source.h"

namespace stillpoint::layer::scalardb {

struct Table {
  std::string name_space = {};
  std::string name = {};
  std::vector<std::string> keys = {};  // partition key, then clustering key
  bool transactional = false;          // it has tx_id, tx_state and their like
  bool coordinator = false;            // it holds states of transactions
  bool group_commit = false;           // ... and those of groups
};

// How a table of a namespace is named in that database: a namespace is a schema, but a part of the
// name in SQLite, where a file has none.
std::string stored_name(const database::RowSource& database, const std::string& name_space,
                        const std::string& table);

// `not_found` where there is no metadata.
Result<std::vector<Table>> read_tables(database::RowSource& database,
                                       const std::string& system_namespace);

// Of rows of the metadata: full_table_name, column_name, key_type, ordinal_position. `corrupt` for
// what ScalarDB does not write.
Result<std::vector<Table>> tables_of(const std::vector<database::Values>& rows);

}  // namespace stillpoint::layer::scalardb

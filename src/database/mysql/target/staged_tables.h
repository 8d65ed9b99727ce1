// SPDX-License-Identifier: Apache-2.0
// Staged tables: made before the data, completed after it, and held against the backup.
#pragma once

#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "database/mysql/target/staging.h"
#include "database/mysql/target/stored_schema.h"

namespace stillpoint::database::mysql {

struct StagedTable {
  const StoredTable* table = nullptr;
  std::string schema = {};  // where it is staged
  std::string name = {};
  bool indexes_later = false;
  bool foreign_keys = true;  // it gets them
};

// Whether a table of so many rows is filled faster without its secondary indexes.
bool indexes_come_later(const StoredTable& table, std::uint64_t rows);

Result<void> make_tables(Staging& staging, const std::vector<StagedTable>& tables, unsigned workers,
                         const std::stop_token& stop);
// The indexes that come later; once all rows are there.
Result<void> make_indexes(Connection& session, const StagedTable& one);
// Indexes that are not there yet, and foreign keys.
Result<void> complete_tables(Staging& staging, const std::vector<StagedTable>& tables,
                             unsigned workers, const std::stop_token& stop);

// What the rows' receipts say against what the backup says of its objects. `corrupt` where they
// differ.
Result<void> check_receipts(const Staging& staging, const std::vector<StagedTable>& tables,
                            const std::vector<Object>& objects);
// Every row is read again.
Result<void> read_back(Staging& staging, const std::vector<StagedTable>& tables,
                       const std::vector<Object>& objects, unsigned workers,
                       const std::stop_token& stop);
// Rows whose foreign keys lead nowhere were so in the backup, too (their checksums are right): a
// warning names them.
Result<void> check_foreign_keys(Staging& staging, const std::stop_token& stop);

}  // namespace stillpoint::database::mysql

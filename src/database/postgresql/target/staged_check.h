// SPDX-License-Identifier: Apache-2.0
// Holds what was staged against what the backup says of it.
#pragma once

#include <stop_token>
#include <vector>

#include "base/result.h"
#include "database/database.h"
#include "database/postgresql/target/backup_schema.h"
#include "database/postgresql/target/copy_in.h"
#include "database/postgresql/target/staging.h"

namespace stillpoint::database::postgresql {

// The rows and checksums that were put in. `corrupt` where they differ.
Result<void> check_receipts(const Staging& staging, const std::vector<Object>& expected);
// No table is missing, none is too many, no index is invalid.
Result<void> check_catalog(Staging& staging, const BackupSchema& schema,
                           const std::vector<Object>& expected);
// Reads every row again, in several sessions.
struct TableToRead {
  Object expected = {};
  CopyTable table = {};  // as it is staged
  bool partitioned = false;
};
Result<void> read_back(Staging& staging, const std::vector<TableToRead>& tables, unsigned readers,
                       const std::stop_token& stop);

}  // namespace stillpoint::database::postgresql

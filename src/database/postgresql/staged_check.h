// SPDX-License-Identifier: Apache-2.0
// Holds what was staged against what the backup says of it.
#pragma once

#include <stop_token>
#include <vector>

#include "base/result.h"
#include "database/database.h"
#include "database/postgresql/backup_schema.h"
#include "database/postgresql/copy_in.h"
#include "database/postgresql/staging.h"

namespace stillpoint::database::postgresql {

// The rows and checksums that were put in. `corrupt` where they differ.
Result<void> check_receipts(const Staging& staging, const std::vector<Object>& expected);
// No table is missing, none is too many, no index is invalid.
Result<void> check_catalog(Staging& staging, const BackupSchema& schema,
                           const std::vector<Object>& expected);
// Reads every row again, in several sessions.
Result<void> read_back(Staging& staging, const BackupSchema& schema,
                       const std::vector<Object>& expected, unsigned readers,
                       const std::stop_token& stop);

// Of one table: rows and checksum, as read from the staged one under the name `staged`.
Result<void> compare(const Object& expected, const Receipt& found);
Result<Receipt> read_table(Connection& session, const CopyTable& table);

}  // namespace stillpoint::database::postgresql

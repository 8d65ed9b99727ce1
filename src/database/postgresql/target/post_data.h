// SPDX-License-Identifier: Apache-2.0
// What is made after the data: sequences' values, indexes, constraints, triggers, statistics.
#pragma once

#include <stop_token>
#include <vector>

#include "base/result.h"
#include "database/postgresql/target/backup_schema.h"
#include "database/postgresql/target/staging.h"

namespace stillpoint::database::postgresql {

Result<void> set_sequences(Connection& session, const std::vector<BackupSequence>& sequences);

// Where sessions attach the indexes of partitions side by side, that of the partitioned table may
// stay invalid, though all its parts are valid and attached (seen with pg_restore --jobs).
Result<void> validate_indexes(Connection& session);

// Each step is noted, and not done again by a restore that goes on.
struct PostDataOptions {
  unsigned jobs = 1;
  bool no_owner = false;
};
Result<void> make_post_data(Staging& staging, const BackupSchema& schema,
                            const PostDataOptions& options, const std::stop_token& stop);

}  // namespace stillpoint::database::postgresql

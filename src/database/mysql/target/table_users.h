// SPDX-License-Identifier: Apache-2.0
// Who keeps tables from being locked.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "database/mysql/session/connection.h"

namespace stillpoint::database::mysql {

struct TableUser {
  std::uint64_t id = 0;    // of the connection
  std::string shown = {};  // "connection 12 (app@10.0.0.7:5123, in a transaction for 35 s)"
};

// Sessions of others that hold or may hold locks on tables of these schemas: exactly, where the
// server tells (MySQL's performance_schema, MariaDB's plugin metadata_lock_info); else all that are
// in a transaction or run a statement.
Result<std::vector<TableUser>> users_of_tables(Connection& session,
                                               const std::set<std::string>& schemas);
Result<void> end_sessions(Connection& session, const std::vector<TableUser>& users);

}  // namespace stillpoint::database::mysql

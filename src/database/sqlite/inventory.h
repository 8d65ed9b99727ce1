// SPDX-License-Identifier: Apache-2.0
// What an SQLite database consists of, as its own schema table says.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "database/database.h"
#include "database/sqlite/connection.h"

namespace stillpoint::database::sqlite {

// Tables, virtual tables, indexes, views and triggers, in the order of their creation.
Result<std::vector<Object>> list_objects(Connection& connection);
// Sets `rows` of every table, and of the virtual tables whose module is known here.
Result<void> count_rows(Connection& connection, std::vector<Object>& objects,
                        const std::stop_token& stop);
// The CREATE statements, to be read by people.
Result<std::string> schema_text(Connection& connection);

}  // namespace stillpoint::database::sqlite

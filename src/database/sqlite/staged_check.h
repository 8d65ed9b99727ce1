// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "database/database.h"

namespace stillpoint::database::sqlite {

// Holds a database file that nobody uses against SQLite's own rules and against the tables and row
// counts expected of it. Creates no file beside it. `corrupt` where they differ.
Result<void> check_staged(const std::string& path, const std::vector<Object>& expected,
                          const std::stop_token& stop);

}  // namespace stillpoint::database::sqlite

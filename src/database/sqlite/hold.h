// SPDX-License-Identifier: Apache-2.0
// The commit gate's lock on an SQLite file: BEGIN IMMEDIATE in a process of its own, a helper.
// Locks of a process vanish when it closes any descriptor of the file, and an SQLite file has no
// server that would let go in our place: that process touches the file through SQLite alone, and a
// timer of the kernel ends it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "database/database.h"
#include "database/sqlite/connection.h"

namespace stillpoint::database::sqlite {

// As Database::prepare_hold(), of the whole file. `asking` proves that others are kept off.
Result<std::unique_ptr<Hold>> prepare_hold(const std::string& path, Connection asking,
                                           base::Duration hold_max);

// The helper's side: its role, and what it does with its words.
inline constexpr std::string_view hold_role = "sqlite-hold";
int run_hold(const std::vector<std::string>& words);

}  // namespace stillpoint::database::sqlite

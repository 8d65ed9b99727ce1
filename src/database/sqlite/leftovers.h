// SPDX-License-Identifier: Apache-2.0
// What restores leave beside a database file: staged files of killed ones, and old databases.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "database/target.h"

namespace stillpoint::database::sqlite {

// A new name beside `path` for what this process stages: the name tells the process.
std::string staged_name(const std::string& path);
// And for what outlives the process, to be switched.
std::string ready_name(const std::string& path);
Result<std::vector<Leftover>> leftovers_of(const std::string& path);

Result<std::vector<Leftover>> leftovers(const Address& address);
Result<void> remove_leftover(const Address& address, const Leftover& leftover);

}  // namespace stillpoint::database::sqlite

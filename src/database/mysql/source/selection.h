// SPDX-License-Identifier: Apache-2.0
// Which of the schemas' tables a backup takes.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "database/database.h"
#include "database/mysql/source/inventory.h"

namespace stillpoint::database::mysql {

// Marks in the inventory what is chosen: tables and views by their names; triggers go with their
// tables. Returns warnings: what those who restore will miss. `not_found` for a name or pattern
// that fits nothing.
Result<std::vector<std::string>> apply_choice(Inventory& inventory, const Choice& choice);

}  // namespace stillpoint::database::mysql

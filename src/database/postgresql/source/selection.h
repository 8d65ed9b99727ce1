// SPDX-License-Identifier: Apache-2.0
// Which of a database's tables a backup takes.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "database/database.h"
#include "database/postgresql/source/inventory.h"

namespace stillpoint::database::postgresql {

// Marks in the inventory what is chosen. Who chooses a partitioned table means its partitions, too;
// a partition needs the definition of what it is a part of. Views go where a table that they read
// goes. Returns warnings: what those who restore will miss. `not_found` for a name or pattern that
// fits nothing.
Result<std::vector<std::string>> apply_choice(Inventory& inventory, const Choice& choice);

}  // namespace stillpoint::database::postgresql

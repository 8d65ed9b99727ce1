// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "database/postgresql/source/inventory.h"

namespace stillpoint::database::postgresql {

// `denied`, with the very GRANT statements that a superuser has to run, unless the session's user
// may read every row of what is chosen in the inventory.
Result<void> check_privileges(Connection& session, const Inventory& inventory);

}  // namespace stillpoint::database::postgresql

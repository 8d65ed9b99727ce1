// SPDX-License-Identifier: Apache-2.0
// The commit gate's lock.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "database/database.h"
#include "database/postgresql/session/server_identity.h"

namespace stillpoint::database::postgresql {

// As Database::prepare_hold(). `holder` is the session whose snapshot will be opened: the hold is
// on the very same server. `asking` proves that others are kept off.
Result<std::unique_ptr<Hold>> prepare_hold(Connection& holder, Connection& asking,
                                           const ServerIdentity& identity,
                                           const std::vector<std::string>& tables,
                                           base::Duration hold_max);

}  // namespace stillpoint::database::postgresql

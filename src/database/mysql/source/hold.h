// SPDX-License-Identifier: Apache-2.0
// The commit gate's lock.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "database/database.h"
#include "database/mysql/session/server_identity.h"

namespace stillpoint::database::mysql {

// As Database::prepare_hold(). `holder` is a session with the server that the snapshot will be on;
// `asking` proves that others are kept off.
Result<std::unique_ptr<Hold>> prepare_hold(Connection& holder, Connection& asking,
                                           const ServerIdentity& identity,
                                           const std::vector<std::string>& tables,
                                           base::Duration hold_max);

}  // namespace stillpoint::database::mysql

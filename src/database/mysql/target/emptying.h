// SPDX-License-Identifier: Apache-2.0
// A restore in place fills a schema that was empty: what of it is not wanted is everything.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "database/mysql/session/connection.h"

namespace stillpoint::database::mysql {

// "table orders", "event nightly": a few of them; our own journals are not meant.
Result<std::vector<std::string>> contents_of(Connection& session, const std::string& schema);
// Drops all of it but our journals.
Result<void> make_empty(Connection& session, const std::string& schema);

}  // namespace stillpoint::database::mysql

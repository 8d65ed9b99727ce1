// SPDX-License-Identifier: Apache-2.0
// Databases without anything of a user in them, and how to make them so again.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "database/postgresql/session/connection.h"

namespace stillpoint::database::postgresql {

// What users have made in the session's database, at most ten of it; nothing where there is only an
// empty schema "public", what belongs to extensions, and schemas of restores.
Result<std::vector<std::string>> contents_of(Connection& session);

// Writes down, in a table of that schema, what a database has before it is filled.
Result<void> remember_empty(Connection& session, const std::string& schema);
// Drops everything of users, makes it again as was written down, and drops that schema, too.
// (Default privileges that were given there for new objects stay.)
Result<void> make_empty(Connection& session, const std::string& schema);

}  // namespace stillpoint::database::postgresql

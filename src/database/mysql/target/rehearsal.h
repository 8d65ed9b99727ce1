// SPDX-License-Identifier: Apache-2.0
// What is made within the switch is made once before it, beside the staged tables, and dropped
// again: what cannot be made is known while nothing has been touched.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "database/mysql/target/staging.h"
#include "database/mysql/target/stored_schema.h"

namespace stillpoint::database::mysql {

// Refuses, by name, definers that the server lacks: nobody could use what they define. Those that
// what is there now names as well were missing before. Where we may not see the accounts, the
// server tells by itself.
Result<void> check_definers(Connection& session, const StoredSchema& schema,
                            const std::vector<Place>& places);

// Of what a restore replaces (`old`) or makes. Roles, whose names have no host, are left to the
// server's own refusal.
Definers definers_of(const std::vector<StoredDefinition>& definitions, bool old);
// Refuses those for whom the user may not define anything. That depends on more than the user's own
// rights (on those of the definer, for one): the server is asked by defining something.
Result<void> try_definers(Staging& staging, const Definers& definers, const std::stop_token& stop);

// Returns what cannot be had here and is left out: views of what is not in the backup.
Result<std::vector<std::string>> rehearse(Staging& staging, const StoredSchema& schema,
                                          bool no_owner, const std::stop_token& stop);

// Sequences are there before the tables whose defaults they are.
Result<void> make_sequences(Staging& staging, const StoredSchema& schema, bool no_owner,
                            const std::stop_token& stop);

}  // namespace stillpoint::database::mysql

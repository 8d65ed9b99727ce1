// SPDX-License-Identifier: Apache-2.0
// Makes views, routines, triggers, events and sequences of a backup again.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "database/mysql/session/connection.h"
#include "database/mysql/target/stored_schema.h"

namespace stillpoint::database::mysql {

struct MakingOptions {
  std::map<std::string, std::string> schemas = {};  // of the definitions' names → where they go
  bool no_owner = false;                            // whoever makes it is its definer
  bool events_sleep = false;                        // events are made, but do not run
  // A trigger's table, where it is called otherwise for a while.
  std::map<QualifiedName, std::string> tables = {};
};

// One statement, under the circumstances of its first making. A session of its own: its settings
// are changed.
Result<void> make_definition(Connection& session, const StoredDefinition& definition,
                             const MakingOptions& options);
// "DROP … IF EXISTS", of what make_definition() made in that schema.
std::string drop_sql(const StoredDefinition& definition, const std::string& schema);

// Those that come before the tables' triggers can work: routines and packages.
bool is_routine(const StoredDefinition& definition);

}  // namespace stillpoint::database::mysql

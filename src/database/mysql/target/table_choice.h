// SPDX-License-Identifier: Apache-2.0
// Which tables and partitions of a backup go where in schemas that exist.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "database/mysql/session/connection.h"
#include "database/mysql/target/staging_mark.h"
#include "database/target.h"

namespace stillpoint::database::mysql {

struct ChosenTable {
  QualifiedName from = {};
  std::string partition = {};  // of it, and nothing else; empty: the whole table
  QualifiedName as = {};
  bool exchanged = false;  // the partition becomes one of the table `as`, which has it already

  std::string folder() const;  // of its parts
  std::string shown() const;   // as the backup names it
};

// `not_found` for what the backup has not, `invalid` for what is no name or is meant twice. Without
// a name of its own, a table goes to the schema that its place names.
Result<std::vector<ChosenTable>> chosen_tables(const std::vector<TableChoice>& choices,
                                               const std::vector<Object>& objects,
                                               const std::vector<Place>& places);

// Refuses schemas that are not there, names that are taken, partitions that have rows.
Result<void> check_choice(Connection& session, const ChosenTable& chosen);

}  // namespace stillpoint::database::mysql

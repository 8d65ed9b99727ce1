// SPDX-License-Identifier: Apache-2.0
// Which tables of a backup go where in a database that exists.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "database/database.h"
#include "database/postgresql/target/table_definition.h"
#include "database/target.h"

namespace stillpoint::database::postgresql {

struct ChosenTable {
  QualifiedName from = {};
  QualifiedName as = {};
  bool renamed = false;
};

// `not_found` for a table that the backup has not, `invalid` for what is no name or is meant twice.
Result<std::vector<ChosenTable>> chosen_tables(const std::vector<TableChoice>& choices,
                                               const std::vector<Object>& objects);

// Where one of them goes, once it is known what it is.
struct TablePlace {
  const TableDefinition* table = nullptr;
  QualifiedName as = {};
  std::optional<QualifiedName> parent = {};  // what it becomes a partition of
  bool makes_schema = false;
};

// Refuses, by name and with what to do: names that are taken, schemas that are not there,
// partitions whose bounds are taken.
Result<TablePlace> place_table(Connection& session, const ChosenTable& chosen,
                               const std::vector<TableDefinition>& tables);

}  // namespace stillpoint::database::postgresql

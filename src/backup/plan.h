// SPDX-License-Identifier: Apache-2.0
// What a backup is going to do, decided before anything is touched.
#pragma once

#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "backup/manifest.h"
#include "backup/system.h"
#include "database/database.h"

namespace stillpoint::backup {

struct PlannedDatabase {
  DatabaseSpec spec = {};
  std::string folder = {};                       // in the backup
  std::unique_ptr<database::Database> database;  // prepared, not open
  bool first = false;  // is opened before others: what it says of them must not be newer
};

struct Plan {
  System system = {};
  std::unique_ptr<layer::Layer> layer = {};  // none: there is none
  // Held by the commit gate, by the database's name.
  std::map<std::string, std::vector<std::string>> gate_tables = {};
  Branch branch = Branch::one_snapshot;
  std::string reason = {};
  std::vector<std::string> steps = {};  // in words, in order
  std::vector<std::string> warnings = {};
  std::vector<PlannedDatabase> databases;
};

// Connects to every database and decides (docs/user/guide.md: the branches). What of `options` the
// system itself says, it says.
Result<Plan> make_plan(const System& system, const database::ReadOptions& options,
                       std::stop_token stop);

// Connects to the database that `planned.spec` names, anew where there was one.
Result<void> prepare_database(PlannedDatabase& planned, const database::ReadOptions& options,
                              std::stop_token stop);

// The plan's layer sees what is read of this database; before it is opened.
Result<void> watch_for_layer(Plan& plan, PlannedDatabase& planned);

}  // namespace stillpoint::backup

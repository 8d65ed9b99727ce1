// SPDX-License-Identifier: Apache-2.0
// What a switch is going to do, written down before it does anything: whoever finds it can complete
// or undo it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "database/mysql/target/staging.h"
#include "database/mysql/target/stored_schema.h"

namespace stillpoint::database::mysql {

// A table or sequence that makes room.
struct OldTable {
  std::string schema = {};
  std::string name = {};
  std::string kept = {};    // the schema that it goes to
  std::string hidden = {};  // its name in between, where triggers keep it in its schema; or empty
};

// One that takes its place.
struct NewTable {
  std::string staged = {};  // the schema that it comes from
  std::string staged_name = {};
  std::string schema = {};
  std::string name = {};
  std::string hidden = {};  // its name in `schema` while it gets its triggers; or empty
};

struct SwitchPlan {
  std::vector<Place> places = {};  // `kept` is empty where there is nothing to keep
  std::vector<Schema> old_schemas = {};
  std::vector<OldTable> old_tables = {};
  std::vector<StoredDefinition> old_definitions = {};  // by the schemas that they are in
  std::vector<Schema> new_schemas = {};                // by the names that they get
  std::vector<NewTable> new_tables = {};
  std::vector<StoredDefinition> new_definitions = {};  // by the backup's schemas
  bool no_owner = false;
};

std::string text_of(const SwitchPlan& plan);
Result<SwitchPlan> read_plan(std::string_view text);

// That all of what is there can be read, locked, and made again: to be kept, and put back if need
// be. Returns who defines it.
Result<Definers> check_old(Connection& session, const std::vector<Place>& places);
// What to do where tables with and without transactions cannot be locked together.
inline constexpr std::string_view gtid_advice =
    "grant the user the right SESSION_VARIABLES_ADMIN, or make all of them InnoDB tables (ALTER "
    "TABLE … ENGINE = InnoDB), or restore under another name with --to";

struct PlanOptions {
  bool no_owner = false;
  base::Time time = {};  // of the old schemas' new names
};
// From what is there and what is staged. Of the backup's definitions, those named are left out.
Result<SwitchPlan> make_plan(Connection& session, const Staging& staging,
                             const StoredSchema& schema, const std::vector<std::string>& left_out,
                             const PlanOptions& options);
// What is there may have changed since: plans again how it makes room, under the same names.
// `unavailable` where something is where nothing was.
Result<void> plan_again(Connection& session, const Staging& staging, SwitchPlan& plan);

}  // namespace stillpoint::database::mysql

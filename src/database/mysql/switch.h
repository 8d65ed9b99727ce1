// SPDX-License-Identifier: Apache-2.0
// The switch from the old tables to the staged ones. No statement does all of it: tables that have
// triggers cannot be renamed into another schema, and views, routines and events not at all. So the
// old tables leave their names, under a lock, one after another; from then on nobody can write to
// them, even if we die. When all that is old is out of the way, and the new tables have their
// triggers, one RENAME TABLE puts all of them in place. A journal knows the plan: until that RENAME
// it can be undone, and then only be completed (docs/decisions/0010-mysql-switch.md).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "database/mysql/connection.h"
#include "database/mysql/definition_maker.h"
#include "database/mysql/staging.h"
#include "database/mysql/switch_plan.h"

namespace stillpoint::database::mysql {

class Switch {
 public:
  // Locks the old tables. `busy`, naming them, while others use them, unless their sessions are to
  // be cut. Where we die or take longer than a minute, the server lets go.
  static Result<std::unique_ptr<Switch>> fence(Staging& staging, SwitchPlan plan, bool force);
  // Of a switch that somebody has begun and not ended; nothing where there is none.
  static Result<std::optional<SwitchPlan>> begun(Staging& staging);
  // Completes such a switch, if its RENAME was done; undoes it otherwise.
  enum class Settled { undone, completed };  // completed: the staging is gone, too
  static Result<Settled> settle(Staging& staging, const SwitchPlan& plan);

  // Returns where the old data is. After a failure, undoes what it has done; where that fails as
  // well, unfinished() says so, and the journal is needed.
  Result<std::string> swap();
  bool unfinished() const { return unfinished_; }
  const SwitchPlan& plan() const { return plan_; }

 private:
  Switch(Staging& staging, SwitchPlan plan) : staging_(staging), plan_(std::move(plan)) {}
  Result<void> connect();
  Result<void> lock(bool force);
  Result<void> lock_once(bool force);
  Result<void> check_listing();
  Result<std::vector<std::string>> tables_to_lock();
  Result<std::string> state();
  Result<void> enter(const std::string& state);

  Result<void> clear_the_way();
  Result<void> hide_old();
  Result<void> drop_old_definitions();
  Result<void> keep_old_tables();
  Result<void> bring_new();
  Result<void> put_in_place();
  Result<void> finish();
  Result<void> set_collations();
  Result<void> repair_defaults(const NewTable& table);
  void make_kept_definitions();
  Result<void> undo();
  Result<void> undo_new();
  Result<void> undo_old();
  Result<void> undo_schemas();

  Result<void> remake(const StoredDefinition& definition, const MakingOptions& options);
  MakingOptions new_options() const;

  Staging& staging_;
  SwitchPlan plan_;
  std::optional<Connection> locks_;  // has the old tables locked until they are out of the way
  std::optional<Connection> work_;
  bool unfinished_ = false;
};

}  // namespace stillpoint::database::mysql

// SPDX-License-Identifier: Apache-2.0
// The switch from the old tables to the staged ones. No statement does all of it: tables that have
// triggers cannot be renamed into another schema, and views, routines and events not at all. So the
// old tables leave their names, under a lock, one after another; from then on nobody can write to
// them, even if we die. When all that is old is out of the way, and the new tables have their
// triggers, one RENAME TABLE puts all of them in place. A journal knows the plan: until that RENAME
// it can be undone, and then only be completed (docs/decisions/0011-mysql-switch.md).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "database/mysql/session/connection.h"
#include "database/mysql/target/definition_maker.h"
#include "database/mysql/target/staging.h"
#include "database/mysql/target/switch_plan.h"
#include "database/mysql/target/whereabouts.h"

namespace stillpoint::database::mysql {

class Switch {
 public:
  // Locks the old tables. `busy`, naming them, while others use them, unless their sessions are to
  // be cut. Where we die or take longer than a minute, the server lets go.
  static Result<std::unique_ptr<Switch>> fence(Staging& staging, SwitchPlan plan, bool force);
  // Without locks: for the steps below.
  static Result<std::unique_ptr<Switch>> open(Staging& staging, SwitchPlan plan);
  // A plan for later; nothing has been begun.
  static Result<void> keep_plan(Staging& staging, const SwitchPlan& plan);
  static Result<void> forget_plan(Staging& staging);
  static Result<std::optional<SwitchPlan>> planned_in(Staging& staging);
  // Of a switch that somebody has begun and not ended; nothing where there is none.
  static Result<std::optional<SwitchPlan>> begun(Staging& staging);
  // Completes such a switch, if its RENAME was done or decided; undoes it otherwise.
  enum class Settled { undone, completed };  // completed: the staging is gone, too
  static Result<Settled> settle(Staging& staging, const SwitchPlan& plan);

  // Returns where the old data is. After a failure, undoes what it has done; where that fails as
  // well, unfinished() says so, and the journal is needed.
  Result<std::string> swap();
  bool unfinished() const { return unfinished_; }

  // The steps of a Switchover (database/switchover.h), each from what the journal says. Closed is:
  // the old tables are away, the new ones are beside their places.
  Result<void> close(bool force);
  Result<void> decide();        // the new ones it will be: a note in the journal, no more
  Result<void> take_back();     // ... not; `invalid` where they are in place
  Result<Settled> let_in();     // puts in place what was decided, and completes it; or undoes it
  Result<std::string> state();  // one of those below, or empty: not begun
  static constexpr std::string_view planned = "planned";    // the old makes room
  static constexpr std::string_view cleared = "cleared";    // it has; the new is brought
  static constexpr std::string_view decided = "decided";    // the new will be put in place
  static constexpr std::string_view switched = "switched";  // it is
  static constexpr std::string_view undoing = "undoing";
  const SwitchPlan& plan() const { return plan_; }

 private:
  Switch(Staging& staging, SwitchPlan plan) : staging_(staging), plan_(std::move(plan)) {}
  Result<void> connect();
  Result<void> check_commits();
  Result<void> check_rights();
  Result<void> lock(bool force);
  Result<void> lock_once(bool force);
  Result<void> lock_tables(const std::vector<std::string>& names);
  Result<void> lock_anew(bool force);
  Result<void> check_listing();
  Result<void> check_staged();
  Result<std::vector<std::string>> tables_to_lock();
  Result<void> enter(std::string_view state);

  Result<void> clear_the_way();
  Result<void> hide_old();
  Result<void> drop_old_definitions();
  Result<void> keep_old_tables();
  Result<void> bring_new();
  Result<std::string> stray_name(Whereabouts& now, const std::string& kept);
  Result<void> put_in_place();
  Result<void> complete();
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
  std::size_t strays_ = 0;
};

}  // namespace stillpoint::database::mysql

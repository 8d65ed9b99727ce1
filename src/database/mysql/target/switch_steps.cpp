// SPDX-License-Identifier: Apache-2.0
// The same switch in steps that may be days apart, for several databases together.
#include "base/text.h"
#include "database/mysql/target/switch.h"

namespace stillpoint::database::mysql {
namespace {

constexpr int plans_max = 3;

}  // namespace

Result<void> Switch::close(bool force) {
  std::string at = TRY(state());
  if (at == undoing) {
    TRY(undo());
    at.clear();
  }
  if (at == decided || at == switched) return {};
  TRY(check_commits());
  if (at.empty()) {
    TRY(lock_anew(force));
    TRY(keep_plan(staging_, plan_));
    TRY(enter(planned));
    at = planned;
  } else if (at == planned) {
    TRY(lock(force));
  }
  if (at == planned) TRY(clear_the_way());
  return bring_new();
}

// Since the plan was made, tables may have come and gone.
Result<void> Switch::lock_anew(bool force) {
  TRY(check_staged());
  for (int left = plans_max;; --left) {
    TRY_DURING("plan the switch", plan_again(*work_, staging_, plan_));
    TRY(check_rights());
    Result<void> locked = lock(force);
    if (locked || left == 1 || locked.error().code != Errc::unavailable) return locked;
    TRY(locks_->execute("UNLOCK TABLES"));
  }
}

Result<void> Switch::check_staged() {
  Whereabouts now(*work_);
  for (const NewTable& table : plan_.new_tables) {
    if (TRY(now.has(table.staged, table.staged_name))) continue;
    return fail(
        Error{Errc::not_found,
              "the staged table " + display_qualified(table.staged, table.staged_name) + " is gone",
              "undo the switch: stillpoint restore --undo; then restore again"});
  }
  return {};
}

Result<void> Switch::decide() {
  const std::string at = TRY(state());
  if (at == decided || at == switched) return {};
  if (at == cleared) return enter(decided);
  return fail(Error{Errc::not_found, "the tables are not what they were when it was closed",
                    "undo the switch: stillpoint restore --undo"});
}

Result<void> Switch::take_back() {
  const std::string at = TRY(state());
  if (at == decided) return enter(cleared);
  if (at != switched) return {};
  return fail(Error{Errc::invalid, "the new tables are in place, and clients have been let in",
                    "complete the switch: stillpoint restore --resume"});
}

Result<Switch::Settled> Switch::let_in() {
  const std::string at = TRY(state());
  if (at == decided || at == switched) {
    TRY(complete());
    return Settled::completed;
  }
  if (!at.empty()) TRY(undo());
  return Settled::undone;
}

}  // namespace stillpoint::database::mysql

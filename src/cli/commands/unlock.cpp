// SPDX-License-Identifier: Apache-2.0
#include "repository/unlock.h"

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/exit_code.h"
#include "cli/output.h"

namespace stillpoint::cli {
namespace {

using repository::LockState;

struct Shown {
  LockState state = {};
  bool removed = false;
};

std::string text_of(const LockState& state) {
  if (!state.problem.empty()) {
    return "lock " + state.id.brief() + ", which cannot be read: " + base::printable(state.problem);
  }
  return fmt::format("lock {} of {}, refreshed {} UTC{}{}", state.id.brief(),
                     repository::holder_of(state.lock), base::display_time(state.lock.time),
                     state.lock.exclusive ? ", exclusive" : "", state.stale ? ", stale" : "");
}

Json json_of(const Shown& shown) {
  const repository::LockFile& lock = shown.state.lock;
  const bool read = shown.state.problem.empty();
  return {{"id", shown.state.id.hex()},
          {"time", read ? Json(base::format_time(lock.time)) : Json(nullptr)},
          {"exclusive", lock.exclusive},
          {"host", lock.host.name},
          {"user", lock.host.user},
          {"pid", lock.host.pid},
          {"stale", shown.state.stale},
          {"problem", shown.state.problem},
          {"removed", shown.removed}};
}

// Before anything is done: whoever reads this may still interrupt the rest of it.
void warn(const std::vector<Shown>& locks) {
  for (const Shown& one : locks) {
    if (one.state.stale) continue;
    log(LogLevel::warning, "{} is removed although its holder may be alive", text_of(one.state));
  }
  log(LogLevel::warning,
      "a backup that is running may then lose what it relies on to a prune, and become incomplete; "
      "look for such processes first, and run stillpoint check afterwards");
}

bool any_in_use(const std::vector<Shown>& locks) {
  for (const Shown& one : locks) {
    if (!one.state.stale) return true;
  }
  return false;
}

void report(const std::vector<Shown>& locks, const Session& session) {
  if (session.options.json) {
    Json list = Json::array();
    for (const Shown& one : locks) list.push_back(json_of(one));
    print_json({{"type", "summary"}, {"locks", std::move(list)}});
    return;
  }
  if (session.options.quiet) return;
  if (locks.empty()) print("there are no locks\n");
  for (const Shown& one : locks) {
    const bool read = one.state.problem.empty();
    const char* done = one.removed ? "removed: " : read ? "in use:  " : "left:    ";
    print(done + text_of(one.state) + "\n");
  }
}

}  // namespace

// Takes no lock itself: to take one would remove what is to be shown.
Result<int> run(const UnlockCommand& command, const Session& session) {
  const auto repository = TRY(open_repository(session));
  std::vector<Shown> locks;
  const std::vector<LockState> states = TRY(repository::look_at_locks(*repository));
  for (const LockState& state : states) locks.push_back({state, false});
  if (command.all && any_in_use(locks)) warn(locks);
  bool unreadable = false;
  for (Shown& one : locks) {
    if (session.stop.stop_requested()) {
      return fail(Error{Errc::cancelled, "unlock: interrupted", "run it again for the others"});
    }
    if (!one.state.stale && !command.all) {
      unreadable = unreadable || !one.state.problem.empty();
      continue;
    }
    TRY(repository::remove_lock(*repository, one.state));
    one.removed = true;
  }
  report(locks, session);
  return unreadable ? exit_left_out : exit_done;
}

}  // namespace stillpoint::cli

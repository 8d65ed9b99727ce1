// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/password.h"
#include "repository/keys.h"
#include "repository/lock.h"

namespace stillpoint::cli {
namespace {

using repository::KeyInfo;
using repository::LockKind;
using repository::Repository;

constexpr const char* what_removing_does =
    "Who opened the repository with the old password may have kept its master key, which stays the "
    "same:\nif that must not be, make a new repository.\n";

Json json_of(const KeyInfo& key) {
  return {{"id", key.id.hex()},
          {"in_use", key.in_use},
          {"created", key.problem.empty() ? Json(base::format_time(key.created)) : Json(nullptr)},
          {"user", key.user},
          {"host", key.host},
          {"problem", key.problem}};
}

Result<int> list(const Session& session) {
  const Reading reading = TRY(open_for_reading(session, false));
  const std::vector<KeyInfo> keys = TRY(repository::list_keys(*reading.repository));
  Json json = Json::array();
  std::vector<std::vector<std::string>> rows = {{"ID", "CREATED (UTC)", "USER", "HOST", ""}};
  for (const KeyInfo& key : keys) {
    json.push_back(json_of(key));
    const bool read = key.problem.empty();
    rows.push_back({key.id.brief(), read ? base::display_time(key.created) : "-",
                    read ? base::printable(key.user) : "-", read ? base::printable(key.host) : "-",
                    key.in_use ? "in use now" : base::printable(key.problem)});
  }
  if (session.options.json) {
    print_json(json);
  } else {
    print(table(rows));
  }
  return exit_done;
}

// What was done to which keys; ids are empty where there is none.
void report(const Session& session, const std::string& added, const std::string& removed,
            const std::string& text) {
  if (session.options.json) {
    print_json({{"type", "summary"}, {"added", added}, {"removed", removed}});
  } else if (!session.options.quiet) {
    print(text);
  }
}

Result<int> add(const KeyCommand& command, const Session& session) {
  const auto repository = TRY(open_repository(session));
  const base::Secret password = TRY(find_new_password(command.new_password));
  const auto lock = TRY(repository::Lock::acquire(*repository, LockKind::shared, session.stop));
  const Id id = TRY(repository::add_key(*repository, password));
  report(session, id.hex(), "",
         "added key " + id.brief() + ": its password opens the repository, as the others do\n");
  return exit_done;
}

Result<int> remove(const KeyCommand& command, const Session& session) {
  const auto repository = TRY(open_repository(session));
  const Id id = TRY(repository::find_key(*repository, command.key));
  const auto other = TRY(given_password(command.other_password));
  const auto lock = TRY(repository::Lock::acquire(*repository, LockKind::exclusive, session.stop));
  if (other) {
    TRY(repository::remove_key(*repository, id, *other));
  } else {
    TRY(repository::remove_key(*repository, id));
  }
  report(session, "", id.hex(),
         "removed key " + id.brief() + ": its password opens the repository no more.\n" +
             what_removing_does);
  return exit_done;
}

Result<int> change(const KeyCommand& command, const Session& session) {
  const auto repository = TRY(open_repository(session));
  const Id old = repository->key_in_use();
  const base::Secret password = TRY(find_new_password(command.new_password));
  const auto lock = TRY(repository::Lock::acquire(*repository, LockKind::exclusive, session.stop));
  const Id id = TRY(repository::change_key(*repository, password));
  report(session, id.hex(), old.hex(),
         "changed: key " + id.brief() + " takes the place of " + old.brief() + ".\n" +
             what_removing_does);
  return exit_done;
}

}  // namespace

Result<int> run(const KeyCommand& command, const Session& session) {
  switch (command.action) {
    case KeyAction::list:
      return list(session);
    case KeyAction::add:
      return add(command, session);
    case KeyAction::remove:
      return remove(command, session);
    case KeyAction::change:
      return change(command, session);
  }
  return fail(Errc::internal, "key: no such action");
}

}  // namespace stillpoint::cli

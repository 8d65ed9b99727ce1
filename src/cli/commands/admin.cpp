// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "backup/window_json.h"
#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/window.h"
#include "window/parallel.h"

namespace stillpoint::cli {
namespace {

Result<Instances> find_instances(const AdminCommand& command, const Session& session) {
  const std::vector<window::Service> services = TRY(services_of(command.target));
  return cli::find_instances(services, seconds_of(command.timeout_seconds), session);
}

Result<int> pause(const AdminCommand& command, const Session& session) {
  window::PauseOptions options = TRY(pause_options(session));
  options.drain = !command.no_wait;
  options.drain_max = std::chrono::milliseconds(command.drain_max_ms);
  options.let_go_max = seconds_of(command.timeout_seconds);
  if (command.for_seconds > 0) options.hold_max = seconds_of(command.for_seconds);
  const std::vector<window::Service> services = TRY(services_of(command.target));
  const auto pause = TRY(window::Pause::begin(services, options, session.stop));
  TRY(command.for_seconds > 0 ? pause->leave_to_guard() : pause->leave_paused());
  const window::PauseEvidence evidence = pause->evidence();
  if (session.options.json) {
    Json instances = Json::array();
    for (const auto& one : evidence.instances) instances.push_back(backup::json_of(one.endpoint));
    print_json({{"type", "pause"},
                {"paused", base::format_time(evidence.begin)},
                {"instances", instances}});
  } else {
    print(fmt::format("paused: {} instances, {}\n", evidence.instances.size(),
                      base::format_time(evidence.begin)));
  }
  return exit_done;
}

Result<int> unpause_journals(const AdminCommand& command, const Session& session) {
  Json windows = Json::array();
  std::vector<window::StillHeld> left;
  std::string path;
  for (window::Recovered& one : window::recover_all(
           journal_folder(session), seconds_of(command.timeout_seconds), window::Whose::given_up)) {
    if (!one.outcome) return fail(std::move(one.outcome.error()));
    Json names = Json::array();
    for (const window::StillHeld& held : one.outcome->left) {
      names.push_back(backup::json_of(held.endpoint));
      if (!command.forget) left.push_back(held);
    }
    if (command.forget) TRY(window::forget_journal(one.path));
    windows.push_back({{"journal", one.path.string()}, {"still_held", names}});
    path = one.path.string();
  }
  if (session.options.json) print_json({{"type", "unpause"}, {"windows", windows}});
  if (!session.options.json && windows.empty()) print("nobody was left paused\n");
  if (!left.empty()) return fail(window::still_held_error(left, path));
  if (!session.options.json && !windows.empty()) {
    print(fmt::format("let go: all of {} windows\n", windows.size()));
  }
  return exit_done;
}

Result<int> unpause(const AdminCommand& command, const Session& session) {
  if (command.journal && !session.options.repository.empty()) {
    TRY(let_go_by_repository(session, *TRY(open_repository(session))));
  }
  if (command.journal) return unpause_journals(command, session);
  const Instances instances = TRY(find_instances(command, session));
  const std::vector<window::Endpoint> free =
      TRY(unpause_all(instances, seconds_of(command.timeout_seconds), session));
  if (session.options.json) {
    Json names = Json::array();
    for (const window::Endpoint& one : free) names.push_back(backup::json_of(one));
    print_json({{"type", "unpause"}, {"instances", names}});
  } else {
    print(fmt::format("unpaused: {} instances\n", free.size()));
  }
  return exit_done;
}

// Asks all at the same time, prints what they say, and fails with the first that does not answer.
using Question = std::function<Result<std::string>(window::Instance&)>;
Result<int> ask(const AdminCommand& command, const Session& session, const char* field,
                const Question& question) {
  const Instances instances = TRY(find_instances(command, session));
  std::vector<std::optional<Result<std::string>>> answers(instances.size());
  window::all_at_once(instances.size(),
                      [&](std::size_t i) { answers[i] = question(*instances[i]); });
  Json list = Json::array();
  std::optional<Error> error;
  for (std::size_t i = 0; i < instances.size(); ++i) {
    const Result<std::string>& answer = *answers[i];
    if (!answer && !error) error = answer.error();
    Json entry = backup::json_of(instances[i]->endpoint());
    entry[field] = answer ? Json::parse(*answer, nullptr, false) : Json();
    if (entry[field].is_discarded()) entry[field] = *answer;
    list.push_back(entry);
    if (!session.options.json && answer) {
      print(fmt::format("{}: {}\n", to_text(instances[i]->endpoint()), base::printable(*answer)));
    }
  }
  if (session.options.json) print_json({{"type", "admin"}, {"instances", list}});
  if (error) return fail(std::move(*error));
  return exit_done;
}

}  // namespace

Result<int> run(const AdminCommand& command, const Session& session) {
  const base::Duration time = seconds_of(command.timeout_seconds);
  switch (command.action) {
    case AdminAction::pause:
      return pause(command, session);
    case AdminAction::unpause:
      return unpause(command, session);
    case AdminAction::check_paused:
      return ask(command, session, "paused",
                 [&](window::Instance& instance) -> Result<std::string> {
                   switch (TRY(window::first_check(instance, time, session.stop))) {
                     case window::Gate::open:
                       return "false";
                     case window::Gate::closed:
                       return "true";
                     case window::Gate::unknown:
                       return "null";
                   }
                   return "null";
                 });
    case AdminAction::stats:
      return ask(command, session, "stats",
                 [&](window::Instance& instance) { return instance.stats(time, session.stop); });
  }
  return fail(Errc::internal, "no such action");
}

}  // namespace stillpoint::cli

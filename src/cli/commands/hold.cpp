// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "backup/window_copies.h"
#include "backup/window_json.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/window.h"
#include "cli/window_command.h"

namespace stillpoint::cli {
namespace {

Result<window::PauseOptions> options_of(const HoldCommand& command, const Session& session) {
  window::PauseOptions options = TRY(pause_options(session));
  options.drain = !command.no_wait;
  options.drain_max = std::chrono::milliseconds(command.drain_max_ms);
  options.hold_max = seconds_of(command.hold_max_seconds);
  options.let_go_max = seconds_of(command.timeout_seconds);
  return options;
}

Result<void> report(const HoldCommand& command, const Session& session,
                    const window::PauseEvidence& evidence, int code) {
  Json json = backup::json_of(evidence);
  json["command_exit_code"] = code;
  if (!command.evidence.empty()) {
    TRY_DURING("evidence",
               base::replace_file(command.evidence, base::view_of(json.dump(2) + "\n"), 0644));
  }
  if (session.options.json) {
    Json line = {{"type", "hold"}};
    line.update(json);
    print_json(line);
  } else if (!session.options.quiet && evidence.against.empty()) {
    log(LogLevel::info, "{} instances were paused from {} to {} ({})", evidence.instances.size(),
        base::format_time(evidence.begin), base::format_time(evidence.end),
        base::display_duration(
            std::chrono::duration_cast<base::Duration>(evidence.end - evidence.begin)));
  }
  return {};
}

}  // namespace

Result<int> run(const HoldCommand& command, const Session& session) {
  const std::vector<window::Service> services = TRY(services_of(command.target));
  TRY(find_program(command.command.front()));
  window::PauseOptions options = TRY(options_of(command, session));
  std::unique_ptr<repository::Repository> repository;
  std::optional<backup::WindowCopies> copies;
  if (!session.options.repository.empty()) {
    repository = TRY(open_repository(session));
    TRY(let_go_by_repository(session, *repository));
    options.copies = &copies.emplace(*repository);
  }
  const auto pause = TRY(window::Pause::begin(services, options, session.stop));
  const Result<int> code = run_in_window(
      command.command, {"STILLPOINT_WINDOW_BEGIN=" + base::format_time(pause->evidence().begin)},
      session.stop, pause->voided());
  const Result<void> held = pause->end();
  TRY(report(command, session, pause->evidence(), code ? *code : -1));
  TRY(held);
  if (session.stop.stop_requested()) return fail(Errc::cancelled, "interrupted");
  return code;
}

}  // namespace stillpoint::cli

// SPDX-License-Identifier: Apache-2.0
#include "backup/plan.h"

#include <nlohmann/json.hpp>

#include "cli/commands/commands.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/systems.h"

namespace stillpoint::cli {
namespace {

Json json_of(const backup::Plan& plan) {
  Json databases = Json::array();
  for (const auto& planned : plan.databases) {
    const database::Capabilities able = planned.database->capabilities();
    databases.push_back({{"name", planned.spec.name},
                         {"kind", planned.database->kind()},
                         {"url", planned.database->url()},
                         {"capabilities",
                          {{"snapshot", able.snapshot},
                           {"writers_wait", able.writers_wait},
                           {"write_mark", able.write_mark},
                           {"hold_writes", able.hold_writes},
                           {"choice", able.choice},
                           {"behind", able.behind},
                           {"readers", able.readers}}}});
  }
  return {{"type", "plan"},
          {"system", plan.system.name},
          {"layer", plan.system.layer.kind},
          {"branch", backup::name_of(plan.branch)},
          {"reason", plan.reason},
          {"steps", plan.steps},
          {"warnings", plan.warnings},
          {"databases", databases}};
}

std::string text_of(const backup::Plan& plan) {
  std::string text = "system " + plan.system.name + ": " +
                     std::string(backup::name_of(plan.branch)) + "\n  why: " + plan.reason + "\n";
  int number = 0;
  for (const std::string& step : plan.steps) text += fmt::format("  {}. {}\n", ++number, step);
  for (const std::string& warning : plan.warnings) text += "  note: " + warning + "\n";
  return text;
}

}  // namespace

Result<int> run(const PlanCommand& command, const Session& session) {
  for (const backup::System& system :
       TRY(find_systems(session, {command.what, command.properties, command.window, {}}))) {
    const backup::Plan plan =
        TRY_DURING("plan a backup of " + system.name,
                   backup::make_plan(system, read_options(command.reading), session.stop));
    if (session.options.json) {
      print_json(json_of(plan));
    } else {
      print(text_of(plan));
    }
  }
  return exit_done;
}

}  // namespace stillpoint::cli

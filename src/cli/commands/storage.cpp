// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "cli/commands/commands.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "storage/backend.h"
#include "storage/check.h"

namespace stillpoint::cli {

Result<int> run(const StorageCheckCommand& command, const Session& session) {
  const auto backend = TRY(storage::open(command.url));
  bool all = true;
  Json checks = Json::array();
  for (const storage::CheckResult& result : storage::check(*backend, session.stop)) {
    all = all && result.outcome.has_value();
    const std::string error = result.outcome ? "" : result.outcome.error().message;
    checks.push_back({{"name", result.name},
                      {"promise", result.promise},
                      {"ok", result.outcome.has_value()},
                      {"error", error}});
    if (!session.options.json) {
      print(fmt::format("{}  {}{}\n", result.outcome ? "ok    " : "FAILED", result.name,
                        error.empty() ? "" : ": " + error));
    }
  }
  if (session.stop.stop_requested()) return fail(Errc::cancelled, "interrupted");
  if (session.options.json) {
    print_json({{"type", "summary"}, {"ok", all}, {"url", backend->url()}, {"checks", checks}});
  } else {
    print(all ? "the storage keeps its promises\n"
              : "the storage breaks promises that backups rest on: do not use it\n");
  }
  return all ? exit_done : exit_failed;
}

}  // namespace stillpoint::cli

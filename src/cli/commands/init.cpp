// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "cli/commands/commands.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/password.h"

namespace stillpoint::cli {

Result<int> run(const InitCommand&, const Session& session) {
  const std::string url = TRY(repository_url(session));
  auto backend = TRY(open_storage(session, url));
  const base::Secret password = TRY(find_password(session.options, session.config, true));
  const auto made = TRY(repository::Repository::init(std::move(backend), password));
  if (session.options.json) {
    print_json({{"type", "summary"}, {"repository", made->url()}, {"id", made->id()}});
  } else if (!session.options.quiet) {
    print("created repository " + made->id().substr(0, 8) + " at " + made->url() +
          "\nKeep its password safe: without it nothing in the repository can be read.\n");
  }
  return exit_done;
}

}  // namespace stillpoint::cli

// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <cstdio>
#include <exception>

#include "base/helper.h"
#include "base/log.h"
#include "base/memory.h"
#include "cli/arguments.h"
#include "cli/commands/commands.h"
#include "cli/exit_code.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/scalar_admin.h"
#include "cli/window.h"
#include "database/database.h"
#include "window/guard.h"

namespace {

using namespace stillpoint;  // NOLINT(google-build-using-namespace): main belongs to no module

int run_helper(const base::HelperRole& role) {
  if (role.name == window::guard_role) return cli::run_guard(role.words);
  return database::run_as_helper(role).value_or(cli::exit_failed);
}

int run_program(int argc, char** argv) {
  if (cli::is_scalar_admin(argv)) return cli::run_scalar_admin(argc, argv);
  const cli::Arguments arguments = cli::parse_arguments(argc, argv);
  if (!arguments.command) {
    std::FILE* const to = arguments.exit_code == 0 ? stdout : stderr;
    std::fprintf(to, "%s\n", arguments.text.c_str());
    return arguments.exit_code;
  }
  const cli::GlobalOptions& options = arguments.global;
  if (options.verbose) base::set_log_level(LogLevel::debug);
  if (options.quiet) base::set_log_level(LogLevel::warning);

  const cli::Interrupt interrupt;
  const auto run = [&]() -> Result<int> {
    cli::Session session {
      options, TRY(cli::load_config(options.config))
      , interrupt.token()
    };
    cli::let_go_leftovers(session, *arguments.command);
    return std::visit([&](const auto& command) { return cli::run(command, session); },
                      *arguments.command);
  };
  const Result<int> code = run();
  if (std::fflush(stdout) != 0 && code) {
    cli::print_error(base::system_error("write to stdout", errno), options.json);
    return cli::exit_failed;
  }
  if (code) return *code;
  cli::print_error(code.error(), options.json);
  return cli::exit_code_of(code.error().code);
}

}  // namespace

int main(int argc, char** argv) {
  base::keep_freed_memory();
  try {
    if (const auto role = base::helper_role(argc, argv)) return run_helper(*role);
    return run_program(argc, argv);
  } catch (const std::exception& e) {  // no memory, or our own mistake
    std::fprintf(stderr, "stillpoint: internal error: %s\n", e.what());
    return stillpoint::cli::exit_failed;
  }
}

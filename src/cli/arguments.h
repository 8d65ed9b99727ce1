// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "cli/options.h"

namespace stillpoint::cli {

struct Arguments {
  GlobalOptions global = {};
  std::optional<Command> command = {};  // none: print `text` and exit with `exit_code`
  std::string text = {};                // help, or what is wrong with the arguments
  int exit_code = 0;
};

Arguments parse_arguments(int argc, const char* const* argv);

}  // namespace stillpoint::cli

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"

namespace stillpoint::cli {

// `not_found` where there is no such program in the PATH: asked before anybody is paused.
Result<void> find_program(const std::string& name);

// Runs a command with our stdin, stdout and stderr, and with these variables besides ours. It is
// ended (SIGTERM, then SIGKILL) with what it has started when one of the tokens asks for it, and
// dies with us. Returns its exit code, as a shell tells it.
Result<int> run_in_window(const std::vector<std::string>& words,
                          const std::vector<std::string>& variables, std::stop_token stop,
                          std::stop_token voided);

}  // namespace stillpoint::cli

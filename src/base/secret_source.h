// SPDX-License-Identifier: Apache-2.0
// Where passwords come from, besides being typed.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace stillpoint::base {

// The first line of a text: what an editor or echo put after it does not count. An empty one is
// refused; `from` names the place in the error.
Result<Secret> first_line(std::string_view text, std::string_view from);
Result<Secret> read_password_file(const std::string& path);
// Runs it by /bin/sh: the first line that it prints.
Result<Secret> ask_password_command(const std::string& command);

}  // namespace stillpoint::base

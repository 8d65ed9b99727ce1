// SPDX-License-Identifier: Apache-2.0
// What commands print. stdout is data, stderr is talk.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/error.h"
#include "cli/options.h"

namespace stillpoint::cli {

using Json = nlohmann::ordered_json;

void print(std::string_view text);                      // on stdout, as it is
void print_json(const Json& value);                     // on stdout, as one line
void print_error(const base::Error& error, bool json);  // on stderr

// Rows with columns as wide as they need; the first row is the heading.
std::string table(const std::vector<std::vector<std::string>>& rows);

}  // namespace stillpoint::cli

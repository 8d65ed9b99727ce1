// SPDX-License-Identifier: Apache-2.0
// The files in which MySQL's own programs find their user and password: ~/.my.cnf and others.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"

namespace stillpoint::database::mysql {

struct ClientDefaults {
  std::optional<std::string> user = {};
  std::optional<std::string> password = {};
};

// What the groups [client], [client-server] and [client-mariadb] of the file say. No error quotes
// the file.
Result<ClientDefaults> read_client_defaults(const std::string& path);

}  // namespace stillpoint::database::mysql

// SPDX-License-Identifier: Apache-2.0
// What is checked before anything is made: may we, is there room.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "database/postgresql/target/maintenance.h"

namespace stillpoint::database::postgresql {

// That we may make a database beside the existing one and rename both.
Result<void> check_rights(Maintenance& server, const std::optional<FoundDatabase>& existing);
// no_space where the server's files can be seen from here and there is less room than that.
Result<void> check_room(Maintenance& server, std::uint64_t bytes);

}  // namespace stillpoint::database::postgresql

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "database/address.h"
#include "database/target.h"

namespace stillpoint::database::postgresql {

// What restores left on the server of the URL's database: staged and kept databases, and schemas in
// the database itself.
Result<std::vector<Leftover>> leftovers(const Address& address);
Result<void> remove_leftover(const Address& address, const Leftover& leftover);

// Where a drill restores to: a database of another name on the same server.
std::string scratch_url(std::string_view url, const std::string& path);

}  // namespace stillpoint::database::postgresql

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "database/address.h"
#include "database/target.h"

namespace stillpoint::database::mysql {

// What restores left on the server, of the URL's schemas: staged and kept ones. Removing what was
// interrupted in the midst of a switch undoes that first, or completes it where it cannot be
// undone.
Result<std::vector<Leftover>> leftovers(const Address& address);
Result<void> remove_leftover(const Address& address, const Leftover& leftover);

}  // namespace stillpoint::database::mysql

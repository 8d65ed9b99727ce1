// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "repository/blob.h"
#include "repository/repository.h"

namespace stillpoint::repository {

// What a stored pack says of itself, from its last bytes. `not_found`, or `corrupt` where they are
// no header or it does not describe the whole pack.
Result<std::vector<PackedBlob>> read_pack_header(const Repository& repository, const Id& pack,
                                                 std::uint64_t pack_bytes);
}  // namespace stillpoint::repository

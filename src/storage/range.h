// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "storage/backend.h"

namespace stillpoint::storage {

// The range within an object of `bytes` bytes, its end made explicit; or why there is none.
Result<ByteRange> resolve_range(std::string_view name, ByteRange range, std::uint64_t bytes);

}  // namespace stillpoint::storage

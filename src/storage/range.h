// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "storage/backend.h"

namespace stillpoint::storage {

// The range within an object of `bytes` bytes, its end made explicit; or why there is none.
Result<ByteRange> resolve_range(std::string_view name, ByteRange range, std::uint64_t bytes);

// A get of so many bytes, held against what came: `corrupt` where that was another number.
Result<Bytes> get_exactly(Backend& backend, std::string_view name, ByteRange range);

}  // namespace stillpoint::storage

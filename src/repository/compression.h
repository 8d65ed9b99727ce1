// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace stillpoint::repository {

enum class Compression { off, automatic, max };

Result<Compression> compression_named(std::string_view name);  // "off", "auto", "max"

// zstd. Which level each mode means, and why: docs/decisions/0004-compression-level.md.
Bytes compress(ByteView plain, Compression mode);
// Of known size, as in packs. `corrupt` where it is not exactly that.
Result<Bytes> decompress(ByteView packed, std::size_t plain_bytes);
// Of unknown size, as in index and snapshot files; at most `plain_bytes_max`.
Result<Bytes> decompress_stream(ByteView packed, std::size_t plain_bytes_max);

}  // namespace stillpoint::repository

// SPDX-License-Identifier: Apache-2.0
// A blob is the unit that the repository stores: a chunk of a file (data) or a folder (tree), named
// by the SHA-256 of its plain bytes.
#pragma once

#include <cstdint>

#include "base/sha256.h"

namespace stillpoint::repository {

enum class BlobType : std::uint8_t { data = 0, tree = 1 };

// A blob as it lies in a pack.
struct PackedBlob {
  Id id = {};
  BlobType type = BlobType::data;
  std::uint32_t offset = 0;       // of its sealed bytes in the pack
  std::uint32_t length = 0;       // of its sealed bytes
  std::uint32_t plain_bytes = 0;  // 0: not compressed

  std::uint32_t size() const;  // of its plain bytes
};

struct BlobPlace {
  Id pack = {};
  PackedBlob blob = {};
};

}  // namespace stillpoint::repository

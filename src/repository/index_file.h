// SPDX-License-Identifier: Apache-2.0
// index/<id>: JSON that names the blobs of some packs. Described in docs/formats/repository.md.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "repository/blob.h"

namespace stillpoint::repository {

struct IndexedPack {
  Id id = {};
  std::vector<PackedBlob> blobs = {};
};

std::string encode_index_file(const std::vector<IndexedPack>& packs);
// Calls `visit` for each pack. Streaming: an index file is much larger than what we keep of it.
Result<void> decode_index_file(ByteView text, const std::function<void(IndexedPack)>& visit);

}  // namespace stillpoint::repository

// SPDX-License-Identifier: Apache-2.0
// Reading some of the blobs of a pack, for those who store them elsewhere.
#pragma once

#include <functional>
#include <stop_token>
#include <vector>

#include "base/result.h"
#include "repository/blob.h"
#include "repository/entry_bits.h"
#include "repository/repository.h"

namespace stillpoint::repository {

// Blobs that lie near one another in a pack: they are read with one request.
struct PackPiece {
  Id pack = {};
  std::vector<PackedBlob> blobs = {};  // in the order of their offsets
};

struct SealedBlob {
  PackedBlob blob = {};
  Bytes sealed = {};  // as it lies in the pack
};

// Of these blobs of a pack, which are in the order of their offsets.
std::vector<PackPiece> pieces_of(const Id& pack, const std::vector<PackedBlob>& blobs);
// Each blob is held against its id. Thread-safe.
Result<std::vector<SealedBlob>> read_piece(const Repository& repository, const PackPiece& piece);

// Reads, ahead of `sink`, the blobs of these packs (by number) whose entries are marked, where the
// index finds them there and nowhere else. What `sink` marks or prefers counts for later packs.
using BlobSink = std::function<Result<void>(const SealedBlob& blob)>;
Result<void> read_marked(Repository& repository, const std::vector<std::uint32_t>& packs,
                         const EntryBits& marked, const BlobSink& sink,
                         const std::stop_token& stop);

}  // namespace stillpoint::repository

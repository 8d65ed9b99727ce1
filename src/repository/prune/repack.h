// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <stop_token>
#include <vector>

#include "base/result.h"
#include "repository/entry_bits.h"
#include "repository/index_file.h"
#include "repository/lock.h"
#include "repository/pack.h"
#include "repository/pack_pieces.h"
#include "repository/prune/prune.h"
#include "repository/repository.h"

namespace stillpoint::repository {

// Copies blobs into new packs, as they are sealed. New packs are indexed as it goes, so that an
// interrupted run is not lost; in memory the copies are what the index finds from then on, and are
// marked as used. One thread.
class Repacker {
 public:
  Repacker(Repository& repository, const Lock& lock, EntryBits& used, std::size_t pack_bytes)
      : repository_(repository),
        lock_(lock),
        used_(used),
        builders_({PackBuilder(pack_bytes), PackBuilder(pack_bytes)}) {}

  // What these packs, by number, hold of needed blobs, each held against its id. They must be
  // there. Ends with finish().
  Result<void> run(const std::vector<std::uint32_t>& packs, PruneProgress& progress,
                   const std::stop_token& stop);
  // One that has been held against its id.
  Result<void> add(const SealedBlob& copied);
  // Stores and indexes what was added.
  Result<void> finish();
  std::uint64_t bytes_copied() const { return bytes_copied_; }

 private:
  Result<void> store(BlobType type);
  Result<void> save_index();

  Repository& repository_;
  const Lock& lock_;
  EntryBits& used_;
  std::array<PackBuilder, 2> builders_;
  std::vector<IndexedPack> unsaved_;
  std::size_t blobs_unsaved_ = 0;
  std::chrono::steady_clock::time_point saved_ = std::chrono::steady_clock::now();
  std::uint64_t bytes_copied_ = 0;
};

}  // namespace stillpoint::repository

// SPDX-License-Identifier: Apache-2.0
// What becomes of each pack of the index: decided from figures alone.
#pragma once

#include <cstdint>
#include <vector>

#include "repository/blob.h"
#include "repository/prune/prune.h"

namespace stillpoint::repository {

struct PackUse {
  bool there = true;  // in the storage
  BlobType type = BlobType::data;
  std::uint64_t bytes = 0;         // of the stored pack
  std::uint64_t bytes_used = 0;    // of sealed blobs
  std::uint64_t bytes_unused = 0;  // of sealed blobs, copies of used ones too
  std::uint64_t blobs_used = 0;
};

enum class Fate : std::uint8_t {
  keep,
  retire,   // nothing in it is needed
  rewrite,  // what is needed is copied, then it is retired
  drop,     // it is gone: only the index knows of it
};

struct PrunePlan {
  std::vector<Fate> fates = {};         // by the number of the pack
  std::uint64_t bytes_left_unused = 0;  // in packs that are kept
};

// Packs that are gone must not be used by anybody.
PrunePlan plan_prune(const std::vector<PackUse>& packs, const PruneOptions& options);

}  // namespace stillpoint::repository

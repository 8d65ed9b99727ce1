// SPDX-License-Identifier: Apache-2.0
// A part of the packs, for checks that read some of the data each time.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/sha256.h"

namespace stillpoint::repository {

// Part n of t, from 1 on: by the first byte of a pack's id, as restic does. All parts together are
// all packs.
struct PartOf {
  unsigned number = 1;
  unsigned parts = 1;  // up to 256
};
struct Share {
  double percent = 100;
};
struct Size {
  std::uint64_t bytes = 0;
};
using Subset = std::variant<PartOf, Share, Size>;

Result<Subset> parse_subset(std::string_view text);  // "2/7", "2.5%", "10G"

// Whether choose() needs a seed.
inline bool is_random(const Subset& subset) {
  return !std::holds_alternative<PartOf>(subset);
}

// In the order of their ids. The same packs, subset and seed choose the same. A share is of the
// number of packs, at least one; a size gives as many packs as it is a share of all bytes.
std::vector<Id> choose(const std::unordered_map<Id, std::uint64_t>& pack_bytes,
                       const Subset& subset, std::uint64_t seed);

}  // namespace stillpoint::repository

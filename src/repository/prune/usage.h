// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "repository/prune/marks.h"
#include "repository/prune/plan.h"
#include "repository/repository.h"

namespace stillpoint::repository {

using PackSizes = std::unordered_map<Id, std::uint64_t>;  // as the storage lists them

// Sums up the packs of the index, by number. Of a blob's copies one stays used: where a pack is
// damaged or gone, another; else the one whose pack has the smaller share of unneeded bytes, so
// that what an interrupted prune has copied is not copied again. `corrupt` where a blob that is
// needed has no sound copy.
Result<std::vector<PackUse>> measure_packs(Repository& repository, Marks& marks,
                                           const PackSizes& sizes);

}  // namespace stillpoint::repository

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "repository/lock.h"
#include "repository/prune/prune.h"
#include "repository/prune/usage.h"
#include "repository/retired.h"

namespace stillpoint::repository {

struct SweepInput {
  std::vector<RetiredFile> files = {};
  std::vector<LockFile> others = {};  // live locks, seen before the index was loaded
};

// The second phase of prune: deletes retired packs that have waited for long enough, that no index
// file names, and that nobody can still be using; then the files that retired them. The index must
// be loaded. Deleted packs leave `sizes`; what waits is returned. With dry_run only counts.
Result<std::unordered_set<Id>> sweep(Repository& repository, const Lock& lock,
                                     const SweepInput& input, PackSizes& sizes,
                                     const PruneOptions& options, PruneReport& report,
                                     const std::stop_token& stop);

}  // namespace stillpoint::repository

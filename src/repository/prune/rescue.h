// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "repository/lock.h"
#include "repository/prune/marks.h"
#include "repository/prune/prune.h"
#include "repository/prune/usage.h"
#include "repository/retired.h"

namespace stillpoint::repository {

// Looks for what is missing in packs of `sizes` that no index names, retired ones for example, and
// names those again; with dry_run in memory only. So many they are.
Result<PackSum> name_holders(Repository& repository, const Lock& lock,
                             const std::unordered_set<Id>& missing, const PackSizes& sizes,
                             bool dry_run, const std::stop_token& stop);

// The sizes without those that were retired as damaged: what is missing is not looked for there.
PackSizes without_damaged(PackSizes sizes, const std::vector<RetiredFile>& retired);

// Marks what these folders need. Where that is in no index, the packs that hold it are named again:
// a writer that was killed just after its backup became visible had no time to do so. `corrupt`
// where something is still missing.
Result<Marks> mark_needed(Repository& repository, const Lock& lock, const std::vector<Id>& trees,
                          const PackSizes& sizes, const PruneOptions& options, PruneReport& report,
                          const std::stop_token& stop);

Error missing_error(const Marks& marks);

}  // namespace stillpoint::repository

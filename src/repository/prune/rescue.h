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

namespace stillpoint::repository {

// Marks what these folders need. Where that is in no index, it is looked for in packs that no index
// names, retired ones for example: a writer that was killed just after its backup became visible
// had no time to do so. They are named again (with dry_run in memory only). `corrupt` where
// something is still missing.
Result<Marks> mark_needed(Repository& repository, const Lock& lock, const std::vector<Id>& trees,
                          const PackSizes& sizes, const PruneOptions& options, PruneReport& report,
                          const std::stop_token& stop);

Error missing_error(const Marks& marks);

}  // namespace stillpoint::repository

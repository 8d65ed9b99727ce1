// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/limits.h"
#include "base/result.h"
#include "repository/prune/prune.h"
#include "repository/repository.h"

namespace stillpoint::repository {

struct RepairIndexOptions {
  bool read_all_packs = false;  // also those that seem right, and those that prune has retired
  bool dry_run = false;
  base::Duration switch_wait = limits::prune_switch_wait;
};

// With dry_run: what would be done.
struct RepairIndexReport {
  std::uint64_t packs = 0;                           // in the storage
  std::uint64_t packs_read = 0;                      // their headers
  PackSum added = {};                                // were in no index
  PackSum corrected = {};                            // the index said something else of them
  PackSum retired = {};                              // in no index, and left so: prune deletes them
  std::vector<std::string> missing = {};             // packs dropped from the index: they are gone
  std::vector<std::string> unreadable_packs = {};    // and why; they stay as they are
  std::vector<std::string> unreadable_indexes = {};  // index files, and why; they are removed
  std::uint64_t files_written = 0;
  std::uint64_t files_removed = 0;
  bool changes() const {
    return added.packs + corrected.packs + missing.size() + unreadable_indexes.size() > 0;
  }
};

// Makes the index say what the packs say. Never deletes a pack. `locked` while a prune is at work,
// or restic. Which backups lack something afterwards is for check() to find.
Result<RepairIndexReport> repair_index(Repository& repository, const RepairIndexOptions& options,
                                       PruneProgress progress, std::stop_token stop);

}  // namespace stillpoint::repository

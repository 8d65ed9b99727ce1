// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/limits.h"
#include "base/result.h"
#include "repository/prune/prune.h"
#include "repository/repository.h"

namespace stillpoint::repository {

struct RepairPacksOptions {
  std::vector<std::string> packs = {};  // the fronts of their ids; empty: every one that is damaged
  bool dry_run = false;
  std::size_t pack_bytes = limits::pack_bytes_default;
  base::Duration switch_wait = limits::prune_switch_wait;
};

// With dry_run: what would be done.
struct RepairPacksReport {
  std::uint64_t packs_read = 0;
  std::vector<std::string> sound = {};    // ids of packs that were named, and left as they are
  std::vector<std::string> damaged = {};  // ids, and what is wrong
  PackSum retired = {};                   // of the damaged ones, those that are there
  std::uint64_t blobs_saved = 0;          // copied into new packs
  std::uint64_t bytes_saved = 0;          // of them, as they are stored
  std::uint64_t blobs_elsewhere = 0;      // whole in another pack: nothing was to be done
  std::uint64_t blobs_lost = 0;
  std::vector<std::string> lost = {};  // their ids, up to a bound
  static constexpr std::size_t lost_max = 1000;
};

// Saves what can be read of damaged packs: it is copied into new packs, each blob held against its
// id, and the damaged ones leave the index. They are retired as prune does it: a later prune
// deletes them. Backups that are being written and rely on one fail at their end, and store it anew
// when they are run again. `locked` while a prune is at work, or restic. Cut off at any moment,
// nothing that could be read is lost, and the next run goes on. Which backups lack something
// afterwards is for check() to find.
Result<RepairPacksReport> repair_packs(Repository& repository, const RepairPacksOptions& options,
                                       PruneProgress progress, std::stop_token stop);

}  // namespace stillpoint::repository

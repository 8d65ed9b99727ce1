// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "repository/blob_writer.h"
#include "repository/prune/prune.h"
#include "repository/repository.h"

namespace stillpoint::repository {

struct RepairSnapshotsOptions {
  // What a repaired backup's tags are: it must not claim what was shown of the whole one.
  std::function<std::vector<std::string>(const Record&)> tags = {};
  std::vector<Id> backups = {};  // empty: all
  bool forget = false;           // the originals
  bool dry_run = false;
  WriteOptions write = {};
};

struct RepairedBackup {
  Record record = {};                      // the original
  std::vector<std::string> left_out = {};  // paths; of folders with a slash at the end
  bool all_lost = false;                   // its root folder is: there is nothing to be saved
  std::optional<Id> repaired = {};         // not in a dry run
  bool was_there = false;                  // an earlier run has made it
  bool forgotten = false;
};

struct RepairSnapshotsReport {
  std::uint64_t backups = 0;  // that were looked at
  PackSum rescued = {};       // in no index, or retired, and named by the index again
  std::vector<std::string> unreadable = {};  // records, and why; they stay as they are
  std::vector<RepairedBackup> damaged = {};  // of which something lacks; the others stay untouched
};

// For each backup of which something is in no index: makes one without the files that lack
// something. What lies in packs that no index names is named again first, as prune does it.
// `corrupt` where a pack is missing that the index names: that is for repair_packs(), or for who
// can bring it back. `phase`, if any, tells how far it is.
Result<RepairSnapshotsReport> repair_snapshots(Repository& repository,
                                               const RepairSnapshotsOptions& options,
                                               const std::function<void(std::string)>& phase,
                                               std::stop_token stop);

}  // namespace stillpoint::repository

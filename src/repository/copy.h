// SPDX-License-Identifier: Apache-2.0
// Backups copied from one repository to another, which has a password of its own.
#pragma once

#include <atomic>
#include <cstdint>
#include <stop_token>
#include <vector>

#include "base/result.h"
#include "repository/blob_writer.h"
#include "repository/repository.h"

namespace stillpoint::repository {

struct CopyProgress {
  std::atomic<std::uint64_t>& bytes_total;  // grows with every backup that is begun
  std::atomic<std::uint64_t>& bytes_done;
};

struct CopiedBackup {
  Record record = {};  // in the repository that was copied from
  Id id = {};          // in the other
  bool was_there = false;
  std::uint64_t bytes_read = 0;
  std::uint64_t bytes_stored = 0;
};

// One after another, in this order; each is visible there once it is whole, and what an interrupted
// copy has stored is used by the next. Chunks that are there already are not read. They are not
// compressed again. The first repository's index must be loaded, and it is locked by the caller;
// the other is locked here.
Result<std::vector<CopiedBackup>> copy_backups(Repository& from, Repository& to,
                                               const std::vector<Record>& records,
                                               const WriteOptions& options, CopyProgress progress,
                                               std::stop_token stop);

// Whether both are the same backup: the same data of the same system at the same time.
bool same_backup(const Record& one, const Record& other);

}  // namespace stillpoint::repository

// SPDX-License-Identifier: Apache-2.0
// Locks that their holders no longer remove themselves.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "repository/lock_file.h"
#include "repository/repository.h"

namespace stillpoint::repository {

struct LockState {
  Id id = {};
  LockFile lock = {};        // if it could be read
  std::string problem = {};  // why it could not; empty: it could
  bool stale = false;        // not refreshed for half an hour, or of a process of this host that
                             // is no more
};

// Every lock of the repository, oldest first; those that cannot be read at the end. Takes none and
// removes none.
Result<std::vector<LockState>> look_at_locks(const Repository& repository);

// Removes this one, whatever it is. One that was refreshed meanwhile has another id, and stays.
Result<void> remove_lock(Repository& repository, const LockState& lock);

}  // namespace stillpoint::repository

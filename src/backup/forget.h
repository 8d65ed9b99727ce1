// SPDX-License-Identifier: Apache-2.0
// Backups are forgotten by removing their records. What they hold stays in the repository until it
// is pruned.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "backup/catalogue.h"
#include "base/clock.h"
#include "base/result.h"
#include "repository/lock.h"
#include "repository/retention.h"

namespace stillpoint::backup {

struct ForgetRequest {
  std::vector<std::string> backups = {};  // these, by what find_backup knows; or
  repository::Retention retention = {};   // all that this does not keep
  std::vector<std::string> systems = {};  // of these only; empty: of every system by itself
  bool foreign = false;                   // also backups that other programs made
  bool allow_empty = false;               // a system may lose its last backup by a policy
};

struct ForgetEntry {
  Listed backup = {};
  std::vector<std::string> reasons = {};  // why it is kept
  bool forget = false;
};

// Of one system; of other programs' backups, those of the same host and paths.
struct ForgetGroup {
  std::string system = {};
  std::vector<std::string> paths = {};
  std::vector<ForgetEntry> entries = {};  // newest first; named backups: only those
};

struct ForgetPlan {
  std::vector<ForgetGroup> groups = {};
  std::vector<UnreadableRecord> unreadable = {};  // never forgotten
  std::vector<std::string> notes = {};            // what whoever asked may not have meant
  std::vector<Listed> to_forget() const;          // oldest first
};

// Decides and touches nothing. `invalid` where neither backups nor rules were named, or where a
// policy would leave nothing of a system.
Result<ForgetPlan> plan_forget(const repository::Repository& repository,
                               const ForgetRequest& request, base::Time now, std::stop_token stop);

// Removes the records, oldest first; `done` is told how many are gone. Ends at the first failure:
// what is gone by then stays gone, and the message says how many that are. Without a lock only
// where none can be written.
Result<void> forget(repository::Repository& repository, const ForgetPlan& plan,
                    const repository::Lock* lock, const std::function<void(std::size_t)>& done,
                    std::stop_token stop);

}  // namespace stillpoint::backup

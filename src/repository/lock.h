// SPDX-License-Identifier: Apache-2.0
// locks/<id>: who works on the repository. Writers and readers share it; prune needs it alone.
#pragma once

#include <memory>
#include <stop_token>

#include "base/result.h"
#include "repository/repository.h"

namespace stillpoint::repository {

enum class LockKind { shared, exclusive };

// A lock that restic honours. A thread refreshes it every five minutes; one that was not refreshed
// for half an hour, or whose process on this host is gone, is stale: nobody waits for it, and
// whoever locks next removes it. Destruction releases it. The repository must outlive it.
class Lock {
 public:
  // `locked`, naming who, where somebody else's lock is in the way.
  static Result<std::unique_ptr<Lock>> acquire(Repository& repository, LockKind kind,
                                               std::stop_token stop);
  virtual ~Lock() = default;
  // `locked` when the lock was not refreshed in time, so that others may believe us dead: nothing
  // may be written then that relies on it. Checked before a backup becomes visible.
  virtual Result<void> still_held() const = 0;
};

}  // namespace stillpoint::repository

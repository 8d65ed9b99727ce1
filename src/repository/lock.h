// SPDX-License-Identifier: Apache-2.0
// locks/<id>: who works on the repository.
#pragma once

#include <memory>
#include <stop_token>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "repository/lock_file.h"
#include "repository/repository.h"

namespace stillpoint::repository {

enum class LockKind {
  shared,     // readers, and writers of backups
  exclusive,  // nobody else at all
  prune,  // beside readers and writers; one at a time, and exclusive towards restic for its switch
};

// A lock that restic honours. A thread refreshes it every five minutes; one that was not refreshed
// for half an hour, or whose process on this host is gone, is stale: nobody waits for it, and
// whoever locks next removes it. Its holder has then lost it for good, and is told so: what others
// did meanwhile is not known. Destruction releases it. The repository must outlive it. Thread-safe.
class Lock {
 public:
  // `locked`, naming who, where somebody else's lock is in the way. `work` is shown to others;
  // empty: the name of the kind.
  static Result<std::unique_ptr<Lock>> acquire(Repository& repository, LockKind kind,
                                               std::stop_token stop, std::string_view work = {});
  virtual ~Lock() = default;

  // `locked` when the lock is lost: not refreshed in time, or its file removed. Nothing may be
  // written then that relies on it. Asks the storage.
  virtual Result<void> still_held() const = 0;
  // The same by the clock alone: before each of many steps that cannot be undone.
  virtual Result<void> not_expired() const = 0;
  // Writes the file anew. Its own thread does so in time; tests need not wait for it.
  virtual Result<void> refresh() = 0;
  // The locks of others that are not stale.
  virtual Result<std::vector<LockFile>> others() const = 0;

  // Of kind `prune`: from here to end_switch() restic is kept off. Waits so long at most for locks
  // of restic (and of older versions of this program) to go; `locked` afterwards, as before.
  virtual Result<void> begin_switch(base::Duration wait, std::stop_token stop) = 0;
  virtual Result<void> end_switch() = 0;
};

}  // namespace stillpoint::repository

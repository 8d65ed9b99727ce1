// SPDX-License-Identifier: Apache-2.0
// How a backup that is being written keeps what it relies on from prune.
//
// Prune first writes which packs it retires (retired.h), then looks at the backups, then takes the
// packs out of the index. A writer first makes its backup visible, then looks at what is retired.
// So one of the two sees the other: prune keeps what the new backup needs, or the writer names it
// again in an index file of its own. What is named by the index is never deleted, nor anything
// while a lock is alive that began before it was retired.
//
// What a repair retires as damaged is not named again: a backup that relies on it may lack data.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_set>

#include "base/guarded.h"
#include "base/result.h"
#include "repository/index_file.h"
#include "repository/lock.h"
#include "repository/repository.h"

namespace stillpoint::repository {

class Reliance {
 public:
  // To be called with the lock held and before the index is loaded: what is retired already is
  // avoided from the beginning. The lock and the repository must outlive it.
  static Result<std::unique_ptr<Reliance>> begin(Repository& repository, const Lock& lock);

  // True for packs that must not be relied on. Thread-safe, as is on().
  bool avoids(const Id& pack) const { return avoided_.contains(pack); }
  // The backup needs this pack: found in the index, or stored by its writer.
  void on(const Id& pack);

  const Lock& lock() const { return lock_; }
  // Looks at what was retired since it was last looked at, and names again what is relied on.
  // Fails where that is gone or damaged: the backup must not become, or stay, visible.
  Result<void> uphold();

 private:
  Reliance(Repository& repository, const Lock& lock) : repository_(repository), lock_(lock) {}
  Result<void> refuse_damaged(const std::unordered_set<Id>& packs) const;
  Result<void> name_again(const std::unordered_set<Id>& packs);
  Result<IndexedPack> describe(const Id& pack, std::optional<std::uint64_t> bytes) const;

  Repository& repository_;
  const Lock& lock_;
  std::unordered_set<Id> seen_;     // files of retired packs
  std::unordered_set<Id> avoided_;  // packs of those that were there at the beginning
  base::Guarded<std::unordered_set<Id>> relied_;
};

}  // namespace stillpoint::repository

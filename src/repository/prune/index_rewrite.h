// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/result.h"
#include "repository/index_file.h"
#include "repository/lock.h"
#include "repository/repository.h"

namespace stillpoint::repository {

struct IndexChange {
  Repository::IndexFiles files = {};    // those that may be replaced; all others stay
  std::vector<bool> dropped = {};       // packs, by number, that shall not be named any more
  std::vector<IndexedPack> added = {};  // packs to be named besides
  std::vector<Id> unreadable = {};      // files that are replaced by what is added
};

struct IndexChanged {
  std::uint64_t written = 0;  // files
  std::uint64_t removed = 0;
};

// Replaces those index files that name a dropped pack: first new ones are written, of everything
// else that they name, then they are removed. Cut off in between, packs are named twice, which is
// harmless. Ends with `locked` before anything is removed when the lock is lost.
Result<IndexChanged> rewrite_index(Repository& repository, const Lock& lock,
                                   const IndexChange& change);

}  // namespace stillpoint::repository

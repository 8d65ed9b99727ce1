// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/result.h"
#include "repository/index_file.h"
#include "repository/lock.h"
#include "repository/repository.h"

namespace stillpoint::repository {

// Writes an index file of these packs, which are stored. Where the lock was lost, packs may have
// been deleted, and a file that names them would lead others astray: it is not written then. Where
// that is seen too late, it is replaced by one of the packs that are there. This fails in any case.
Result<Id> save_index_file(Repository& repository, const Lock& lock,
                           const std::vector<IndexedPack>& packs);

}  // namespace stillpoint::repository

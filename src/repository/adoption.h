// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>

#include "base/result.h"
#include "repository/reliance.h"
#include "repository/repository.h"

namespace stillpoint::repository {

// Packs that a killed writer has stored, and named in no index file, are named now: what it has
// stored is used instead of being stored again. Nothing is done while others work on the
// repository, who may have such packs at any time. The index must be loaded. Packs that tell
// nothing of themselves are left to prune.
Result<void> adopt_packs(Repository& repository, const Reliance& reliance, std::stop_token stop);

}  // namespace stillpoint::repository

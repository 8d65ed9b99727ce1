// SPDX-License-Identifier: Apache-2.0
// Tries whether a storage keeps the promises of backend.h: `stillpoint storage check URL`, and the
// conformance test of every backend.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "storage/backend.h"

namespace stillpoint::storage {

struct CheckResult {
  std::string name;     // "OneOfManyRacingCreatorsWins"
  std::string promise;  // in words
  Result<void> outcome;
};

// Works below "stillpoint-check-…/" and removes what it put there. Every check is tried, whatever
// became of the others, until a stop is requested: the outcome of the rest is `cancelled` then.
std::vector<CheckResult> check(Backend& backend, const std::stop_token& stop);

}  // namespace stillpoint::storage

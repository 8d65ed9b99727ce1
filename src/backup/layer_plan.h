// SPDX-License-Identifier: Apache-2.0
// Which branch a system under a layer takes.
#pragma once

#include <string>

#include "backup/plan.h"

namespace stillpoint::backup {

// The databases are prepared. Examines them, chooses the branch, and puts them in the order in
// which they are best read. `unsupported` where nothing will do, with why and what would.
Result<void> plan_layer(Plan& plan);

// Everybody who can be paused is; otherwise as plan_layer, for systems without a layer.
void plan_pause(Plan& plan, const std::string& reason);

}  // namespace stillpoint::backup

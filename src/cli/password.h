// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "base/secret.h"
#include "cli/config.h"
#include "cli/options.h"

namespace stillpoint::cli {

// From the options, STILLPOINT_PASSWORD[_FILE|_COMMAND], the configuration, restic's
// RESTIC_PASSWORD[_FILE|_COMMAND], or the terminal, in this order. `twice`: for a new repository,
// a password that is typed is asked for again.
Result<base::Secret> find_password(const GlobalOptions& options, const Config& config, bool twice);

}  // namespace stillpoint::cli

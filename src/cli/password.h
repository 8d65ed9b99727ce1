// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "base/result.h"
#include "base/secret.h"
#include "cli/config.h"
#include "cli/options.h"

namespace stillpoint::cli {

// From the options, STILLPOINT_PASSWORD[_FILE|_COMMAND], the configuration, restic's
// RESTIC_PASSWORD[_FILE|_COMMAND], or the terminal, in this order. `twice`: for a new repository,
// a password that is typed is asked for again.
Result<base::Secret> find_password(const GlobalOptions& options, const Config& config, bool twice);

// A new one: from these, STILLPOINT_NEW_PASSWORD[_FILE|_COMMAND], or twice from the terminal.
Result<base::Secret> find_new_password(const PasswordOptions& options);
// Only from these; nothing where neither was given.
Result<std::optional<base::Secret>> given_password(const PasswordOptions& options);

}  // namespace stillpoint::cli

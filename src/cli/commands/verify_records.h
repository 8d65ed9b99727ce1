// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "backup/record_replay.h"
#include "cli/session.h"

namespace stillpoint::cli {

// Looks at every record of the backup, says what recovery would do, and what contradicts the
// coordinator. The exit code: done; failed where records contradict it; unproven where some are
// without a state that they should have.
Result<int> verify_records(const Session& session, const repository::Repository& repository,
                           const backup::Listed& backup, const backup::Manifest& manifest,
                           const std::string& scratch);

}  // namespace stillpoint::cli

// SPDX-License-Identifier: Apache-2.0
// What commands that hold others still share.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/options.h"
#include "cli/session.h"
#include "window/pause.h"

namespace stillpoint::cli {

base::Duration seconds_of(double seconds);

// One service a name, and one of all addresses.
Result<std::vector<window::Service>> services_of(const PauseTarget& target);

using Instances = std::vector<std::unique_ptr<window::Instance>>;
// All of them, not asked yet.
Result<Instances> find_instances(const std::vector<window::Service>& services, base::Duration time,
                                 const Session& session);
// Lets them go, whoever paused them, and notes it in every journal: those that were let go. Fails
// with `still_held` when some could not be.
Result<std::vector<window::Endpoint>> unpause_all(const Instances& instances, base::Duration time,
                                                  const Session& session);

// Journals and guard as every window has them.
Result<window::PauseOptions> pause_options(const Session& session);
std::string journal_folder(const Session& session);

// Whoever was left paused by a run that was killed is let go first, by every start of the program.
void let_go_leftovers(const Session& session, const Command& command);

// The same by the journals in the repository, of machines that are lost.
Result<void> let_go_by_repository(const Session& session, const repository::Repository& repository);

// The guard of a window: this program once more, as a helper.
int run_guard(const std::vector<std::string>& words);

}  // namespace stillpoint::cli

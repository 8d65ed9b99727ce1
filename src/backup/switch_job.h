// SPDX-License-Identifier: Apache-2.0
// The last step of a restore of several databases, and what goes on with it after a kill.
#pragma once

#include <string>
#include <vector>

#include "backup/restore_job.h"
#include "backup/switch_journal.h"

namespace stillpoint::backup {

// Switches all databases of a plan, which are staged and verified, with a journal.
Result<std::vector<RestoredDatabase>> switch_with_journal(RestorePlan& plan,
                                                          const SwitchJournals& journals,
                                                          job::Job::Context& job);

// `busy` where a switch that was interrupted has to do with these databases.
Result<void> refuse_interrupted(const RestorePlan& plan, const SwitchJournals& journals);

struct FinishRequest {
  std::vector<DatabaseSpec> known = {};  // how to be let in
  bool force = false;                    // cut the connections of those who use the old data
  bool undo = false;                     // back to the old data instead of on to the new
};
// Completes the switch of a journal, or undoes it. Nothing is staged again.
Result<std::vector<RestoredDatabase>> finish_switch(const SwitchJournal& journal,
                                                    const SwitchJournals& journals,
                                                    const FinishRequest& request,
                                                    job::Job::Context& job);

}  // namespace stillpoint::backup

// SPDX-License-Identifier: Apache-2.0
// Switches several databases to restored data: all of them, or none.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backup/switch_journal.h"
#include "backup/system.h"
#include "database/switchover.h"

namespace stillpoint::backup {

struct Switching {
  std::string name = {};  // of the database, for messages
  std::unique_ptr<database::Switchover> switchover;
};

struct SwitchRun {
  bool force = false;
  bool keep = false;       // a failure is not undone: somebody else decides
  bool half_done = false;  // told by the run: the journal has to stay
};
// Closes all, swaps all, opens all; returns where each one's old data is. A failure before the
// first one is open undoes everything. Where that fails, too, it is half-done: what was swapped, or
// may have been, stays closed, and the advice says how to go on.
Result<std::vector<std::string>> switch_together(std::vector<Switching>& all, SwitchRun& run);
// Puts all back, and only then opens them, and only when all are open removes what was staged.
Result<void> undo_together(std::vector<Switching>& all);

// The switches of a journal. What is known says how to be let in.
Result<std::vector<Switching>> open_switchovers(const SwitchJournal& journal,
                                                const std::vector<DatabaseSpec>& known);

}  // namespace stillpoint::backup

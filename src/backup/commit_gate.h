// SPDX-License-Identifier: Apache-2.0
// The commit gate. A layer that makes transactions over several databases notes in a table (its
// coordinator's) which have committed. While writes to that table are held, nothing can commit, and
// every database opens its snapshot in that time: a transaction that committed before has all of
// its records in the snapshots, prepared at least, and one that did not is committed in none.
#pragma once

#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "backup/manifest.h"
#include "backup/openings.h"
#include "backup/plan.h"
#include "base/result.h"

namespace stillpoint::backup {

struct GateLimits {
  // Of one try. While we wait for a lock, commits wait behind us; while we hold it, too. The server
  // lets go by itself after hold_max, whatever becomes of us.
  base::Duration wait_max = std::chrono::milliseconds(200);
  base::Duration hold_max = std::chrono::seconds(1);
  // Between tries, so that those who waited get on: from the first twice as long each time.
  base::Duration rest_min = std::chrono::milliseconds(250);
  base::Duration rest_max = std::chrono::seconds(8);
  base::Duration time_max = std::chrono::minutes(1);  // no try begins later
};

// Looks on. One thread; in this order for every try.
class GateWitness {
 public:
  virtual ~GateWitness() = default;
  // Nothing is held yet; may take its time.
  virtual Result<void> before_try(std::stop_token stop) = 0;
  // All snapshots are open, nothing can commit yet. Constant work only: a second snapshot of the
  // tables, say.
  virtual Result<void> snapshots_are_open(base::Deadline deadline) = 0;
};

struct GateRequest {
  std::map<std::string, std::vector<std::string>> tables = {};  // held, by the database's name
  GateLimits limits = {};
  GateWitness* witness = nullptr;
  // A database whose snapshot was opened in a try that failed is prepared anew.
  std::function<Result<void>(PlannedDatabase&)> prepare_again = {};
};

struct GateRecord {
  std::vector<GateTry> tries = {};      // the last is the one that succeeded
  std::vector<Opening> openings = {};   // of every database, in order
  std::vector<Evidence> evidence = {};  // for every held database
};

// Opens every snapshot while the gate is shut. Fails with `not_held` when that did not succeed in
// time; nothing is held then. Whatever trying again cannot mend fails at once.
Result<GateRecord> open_in_gate(std::vector<PlannedDatabase>& databases, const GateRequest& request,
                                std::stop_token stop);

}  // namespace stillpoint::backup

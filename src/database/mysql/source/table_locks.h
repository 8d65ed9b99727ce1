// SPDX-License-Identifier: Apache-2.0
// What keeps tables as they are: metadata locks, which every transaction that has touched a table
// holds to its end; and for tables without transactions a read lock.
#pragma once

#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "database/mysql/source/inventory.h"

namespace stillpoint::database::mysql {

// Touches all chosen tables in the session's transaction: nobody alters or drops them until it
// ends. `busy` names who is in the way, `not_found` where a table is gone.
Result<void> touch_tables(Connection& session, Connection& asking,
                          const std::vector<const Table*>& tables, base::Deadline deadline);

// Tables whose rows no snapshot holds still (MyISAM, Aria, MEMORY …).
std::vector<const Table*> tables_without_transactions(const Inventory& inventory);

// Their read lock, from the opening of the snapshot until all of them were read.
class ReadLock {
 public:
  explicit ReadLock(Connection session) : session_(std::move(session)) {}
  Result<void> lock(Connection& asking, const std::vector<const Table*>& tables,
                    base::Deadline deadline, base::Duration hold_max);
  // Lets go. An error means that the tables' rows may be of different instants.
  Result<void> release();
  base::Duration held() const { return held_; }

 private:
  Connection session_;
  std::chrono::steady_clock::time_point since_ = {};
  base::Duration held_ = {};
};

}  // namespace stillpoint::database::mysql

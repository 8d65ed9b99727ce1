// SPDX-License-Identifier: Apache-2.0
// Locks that keep tables as they are, and who stands in the way of them.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "database/postgresql/source/inventory.h"

namespace stillpoint::database::postgresql {

// "pid 4711 (alice, psql) on public.accounts": who holds, or waits for, locks on these tables that
// conflict with `wanted` (ACCESS SHARE, SHARE …), as the session `asking` sees it; empty when there
// is nobody any more. `except` is our own process.
Result<std::vector<std::string>> who_blocks(Connection& asking, const std::vector<Oid>& tables,
                                            std::string_view wanted, int except);
// The same as an error; `busy`.
Error blocked_error(const std::vector<std::string>& who, const std::string& doing);

// In the session's transaction, ACCESS SHARE on all tables that are chosen in the inventory. Takes
// no snapshot. `busy` names who is in the way; `not_found` where a table is gone.
Result<void> lock_tables(Connection& session, Connection& asking, const Inventory& inventory,
                         base::Deadline deadline);

// The tables that the session has locked already.
Result<std::set<Oid>> locked_tables(Connection& session);

// Tables that the session's snapshot shows and that nobody had locked before it: locks them now,
// without waiting, and fails by name where something has happened to them in between that a
// snapshot does not protect from (TRUNCATE, DROP, ALTER).
Result<void> lock_late(Connection& session, Connection& asking,
                       const std::vector<const Table*>& tables);

}  // namespace stillpoint::database::postgresql

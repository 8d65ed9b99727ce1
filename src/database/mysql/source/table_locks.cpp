// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/source/table_locks.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "database/mysql/session/server_error.h"
#include "database/mysql/session/server_identity.h"

namespace stillpoint::database::mysql {
namespace {

constexpr std::size_t batch = 50;  // tables for each trip to the server

Error blocked_error(Connection& asking, const std::string& doing) {
  const std::vector<std::string> who = busy_sessions(asking);
  return Error{Errc::busy,
               doing + ": " +
                   (who.empty() ? "somebody has them locked"
                                : "perhaps in the way: " + base::join(who, ", ")),
               "wait until they are done (an ALTER TABLE?), or end them with KILL"};
}

bool was_late(const Connection& session, const Error& error) {
  return error.code == Errc::busy || session.last_number() == er_lock_wait_timeout;
}

}  // namespace

Result<void> touch_tables(Connection& session, Connection& asking,
                          const std::vector<const Table*>& tables, base::Deadline deadline) {
  session.limit(deadline);
  const std::string doing = "lock the tables against being altered";
  Result<void> touched;
  for (std::size_t first = 0; first < tables.size() && touched; first += batch) {
    std::string sql;
    for (std::size_t i = first; i < std::min(first + batch, tables.size()); ++i) {
      sql +=
          (sql.empty() ? "SELECT 1 FROM " : "; SELECT 1 FROM ") + tables[i]->quoted() + " LIMIT 0";
    }
    touched = session.execute(sql);
  }
  session.unlimit();
  if (touched) return {};
  if (was_late(session, touched.error())) return fail(blocked_error(asking, doing));
  return fail(Error(touched.error()).during(doing));
}

std::vector<const Table*> tables_without_transactions(const Inventory& inventory) {
  std::vector<const Table*> found;
  for (const Table& table : inventory.tables) {
    if (table.chosen && table.has_rows() && !table.transactional()) found.push_back(&table);
  }
  return found;
}

Result<void> ReadLock::lock(Connection& asking, const std::vector<const Table*>& tables,
                            base::Deadline deadline, base::Duration hold_max) {
  std::vector<std::string> names;
  std::vector<std::string> shown;
  for (const Table* table : tables) {
    names.push_back(table->quoted() + " READ");
    shown.push_back(table->shown());
  }
  const std::string doing = "lock " + base::join(shown, ", ") + " for reading";
  const auto wait = std::chrono::ceil<std::chrono::seconds>(deadline.left()).count();
  const auto hold = std::chrono::ceil<std::chrono::seconds>(hold_max).count();
  // Whatever becomes of us, the server lets go by itself.
  TRY_DURING(doing, session_.execute(fmt::format(
                        "SET SESSION lock_wait_timeout = {}, wait_timeout = {}",
                        std::max<long long>(wait, 1), std::clamp<long long>(hold, 1, 31'536'000))));
  session_.limit(deadline);
  since_ = std::chrono::steady_clock::now();
  const Result<void> locked = session_.execute("LOCK TABLES " + base::join(names, ", "));
  session_.unlimit();
  if (locked) return {};
  if (was_late(session_, locked.error())) return fail(blocked_error(asking, doing));
  return fail(Error(locked.error()).during(doing));
}

Result<void> ReadLock::release() {
  session_.limit(base::Deadline(std::chrono::seconds(10)));
  TRY_DURING("release the tables without transactions", session_.execute("UNLOCK TABLES"));
  held_ = std::chrono::steady_clock::now() - since_;
  return {};
}

}  // namespace stillpoint::database::mysql

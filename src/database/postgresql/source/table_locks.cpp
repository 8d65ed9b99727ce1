// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/source/table_locks.h"

#include <chrono>

#include "base/text.h"

namespace stillpoint::database::postgresql {
namespace {

constexpr std::size_t batch_tables = 200;

// The modes that conflict with a mode, of the table in PostgreSQL's chapter on explicit locking.
std::string conflicting_with(std::string_view wanted) {
  if (wanted == "ACCESS SHARE") return "{AccessExclusiveLock}";
  if (wanted == "SHARE") {
    return "{RowExclusiveLock,ShareUpdateExclusiveLock,ShareRowExclusiveLock,ExclusiveLock,"
           "AccessExclusiveLock}";
  }
  return "{ShareLock,ShareUpdateExclusiveLock,ShareRowExclusiveLock,ExclusiveLock,"
         "AccessExclusiveLock}";
}

std::vector<Oid> oids_of(const Inventory& inventory) {
  std::vector<Oid> oids;
  for (const Table& table : inventory.tables) {
    if (table.chosen) oids.push_back(table.oid);
  }
  return oids;
}

Result<void> lock_batches(Connection& session, const Inventory& inventory,
                          const base::Deadline& deadline) {
  std::vector<std::string> names;
  const auto lock = [&]() -> Result<void> {
    if (names.empty()) return {};
    const std::string sql = "SET LOCAL lock_timeout = " + base::milliseconds_of(deadline.left()) +
                            "; LOCK TABLE " + base::join(names, ", ") + " IN ACCESS SHARE MODE";
    names.clear();
    return session.execute(sql);
  };
  for (const Table& table : inventory.tables) {
    if (!table.chosen) continue;
    names.push_back("ONLY " + table.quoted());
    if (names.size() == batch_tables) TRY(lock());
  }
  TRY(lock());
  return session.execute("SET LOCAL lock_timeout = 0");
}

// What has become of a table between the snapshot and its lock; empty: nothing.
Result<std::string> what_changed(Connection& session, const Table& table) {
  const Row row = TRY(session.row(
      "SELECT coalesce(to_regclass($1)::oid, 0), coalesce(pg_relation_filenode($2::oid), 0)",
      {table.quoted(), std::to_string(table.oid)}));
  if (row.number(0) != table.oid) return std::string("renamed, moved or made anew");
  if (row.text(1) != table.file_node) {
    return std::string("emptied or written anew (TRUNCATE, ALTER TABLE, CLUSTER, VACUUM FULL)");
  }
  return std::string();
}

}  // namespace

Result<std::vector<std::string>> who_blocks(Connection& asking, const std::vector<Oid>& tables,
                                            std::string_view wanted, int except) {
  std::vector<std::string> oids;
  for (const Oid oid : tables) oids.push_back(std::to_string(oid));
  const std::vector<Row> rows = TRY_DURING(
      "see who holds the lock",
      asking.query(
          "SELECT DISTINCT coalesce('pid ' || l.pid || ' (' || coalesce(a.usename, '?') ||"
          " coalesce(', ' || nullif(a.application_name, ''), '') || ')', 'the prepared transaction "
          "'"
          " || coalesce((SELECT quote_literal(p.gid) FROM pg_prepared_xacts p JOIN pg_locks x"
          "  ON x.locktype = 'transactionid' AND x.transactionid = p.transaction"
          "  WHERE x.virtualtransaction = l.virtualtransaction LIMIT 1), '?')),"
          " n.nspname, c.relname"
          " FROM pg_locks l JOIN pg_class c ON c.oid = l.relation"
          " JOIN pg_namespace n ON n.oid = c.relnamespace"
          " LEFT JOIN pg_stat_activity a ON a.pid = l.pid"
          " WHERE l.locktype = 'relation' AND l.relation = ANY ($1::oid[])"
          " AND l.mode = ANY ($2::text[]) AND l.pid IS DISTINCT FROM $3::int"
          " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
          " ORDER BY 2, 3, 1",
          {"{" + base::join(oids, ",") + "}", conflicting_with(wanted), std::to_string(except)}));
  std::vector<std::string> who;
  for (const Row& row : rows) {
    who.push_back(row.text(0) + " on " + display_qualified(row.text(1), row.text(2)));
  }
  return who;
}

Error blocked_error(const std::vector<std::string>& who, const std::string& doing) {
  constexpr std::size_t shown = 5;
  std::vector<std::string> some(
      who.begin(), who.begin() + static_cast<std::ptrdiff_t>(std::min(shown, who.size())));
  std::string text = doing + ": ";
  text += who.empty() ? "somebody held a conflicting lock, and has let go of it since"
                      : "locked by " + base::join(some, "; ");
  if (who.size() > shown) text += fmt::format("; and {} more", who.size() - shown);
  return Error{Errc::busy, std::move(text),
               "wait until they are done, or end them (SELECT pg_terminate_backend(pid)), and run "
               "the same command again"};
}

Result<void> lock_tables(Connection& session, Connection& asking, const Inventory& inventory,
                         base::Deadline deadline) {
  session.limit(deadline);
  const Result<void> locked = lock_batches(session, inventory, deadline);
  session.unlimit();
  if (locked || locked.error().code != Errc::busy) return locked;
  const std::vector<std::string> who =
      TRY(who_blocks(asking, oids_of(inventory), "ACCESS SHARE", session.server_process()));
  return fail(blocked_error(who, "lock the tables against being dropped"));
}

Result<std::set<Oid>> locked_tables(Connection& session) {
  const std::vector<Row> rows = TRY_DURING(
      "list our locks", session.query("SELECT relation FROM pg_locks WHERE pid = pg_backend_pid()"
                                      " AND locktype = 'relation' AND granted"));
  std::set<Oid> oids;
  for (const Row& row : rows) oids.insert(static_cast<Oid>(row.number(0)));
  return oids;
}

Result<void> lock_late(Connection& session, Connection& asking,
                       const std::vector<const Table*>& tables) {
  for (const Table* table : tables) {
    const std::string doing = "lock " + table->shown() + ", which is newer than our locks";
    // A savepoint: a refusal must not end the transaction that holds the snapshot.
    TRY(session.execute("SAVEPOINT late"));
    const Result<void> locked =
        session.execute("LOCK TABLE ONLY " + table->quoted() + " IN ACCESS SHARE MODE NOWAIT");
    if (!locked) {
      Error error = locked.error();
      if (!session.usable()) return fail(std::move(error).during(doing));
      TRY(session.execute("ROLLBACK TO late"));
      if (error.code == Errc::busy) {
        const auto who =
            TRY(who_blocks(asking, {table->oid}, "ACCESS SHARE", session.server_process()));
        return fail(blocked_error(who, doing));
      }
      if (error.code == Errc::not_found) error.message = "it was dropped or renamed meanwhile";
      return fail(std::move(error).during(doing).advise("run the same command again"));
    }
    TRY(session.execute("RELEASE late"));
    const std::string changed = TRY(what_changed(session, *table));
    if (!changed.empty()) {
      return fail(Error{Errc::unavailable,
                        "table " + table->shown() + " was " + changed +
                            " after the snapshot was opened and before we could lock it",
                        "run the same command again"});
    }
  }
  return {};
}

}  // namespace stillpoint::database::postgresql

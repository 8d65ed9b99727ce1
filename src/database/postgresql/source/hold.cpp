// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/source/hold.h"

#include <algorithm>
#include <chrono>

#include "base/text.h"
#include "database/postgresql/source/table_locks.h"
#include "database/session_hold.h"

namespace stillpoint::database::postgresql {
namespace {

constexpr std::chrono::seconds prepare_max{10};

struct Wanted {
  std::vector<std::string> quoted;
  std::vector<Oid> oids;
};

Result<Wanted> find_tables(Connection& session, const std::vector<std::string>& tables) {
  Wanted wanted;
  std::vector<std::string> forbidden;
  for (const std::string& shown : tables) {
    const QualifiedName name = TRY(parse_qualified(shown));
    const std::string quoted = quote_qualified(name.schema, name.name);
    const Row row = TRY(session.row(
        "SELECT coalesce(c.oid, 0), coalesce(c.relkind IN ('r', 'p'), false),"
        " has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE'), quote_ident(current_user)"
        " FROM (SELECT to_regclass($1) AS oid) t LEFT JOIN pg_class c ON c.oid = t.oid",
        {quoted}));
    if (!row.flag(1)) {
      return fail(Error{Errc::not_found, "there is no table " + base::printable(shown),
                        "names are written schema.table"});
    }
    if (!row.flag(2)) forbidden.push_back("GRANT UPDATE ON " + quoted + " TO " + row.text(3) + ";");
    wanted.quoted.push_back(quoted);
    wanted.oids.push_back(static_cast<Oid>(row.number(0)));
  }
  if (forbidden.empty()) return wanted;
  return fail(Error{Errc::denied, "holding writes needs the right to update the tables",
                    "as a superuser, in this database: " + base::join(forbidden, " ")});
}

// Several statements at once are a transaction of their own, which ends with them.
std::string try_to_write(const std::string& table) {
  return "LOCK TABLE " + table + " IN ROW EXCLUSIVE MODE NOWAIT; SELECT 1";
}

// What a session does for the first time takes the server twice as long: so it is done once before
// anybody waits for it. Whatever comes of it.
void rehearse(Connection& session, const Wanted& wanted) {
  for (const std::string& table : wanted.quoted) (void)session.execute(try_to_write(table));
}

// From a second session: whoever wants to write is refused.
Result<void> prove(Connection& asking, const Wanted& wanted, const base::Deadline& deadline) {
  asking.limit(deadline);
  for (const std::string& table : wanted.quoted) {
    const Result<void> locked = asking.execute(try_to_write(table));
    const bool refused = !locked && asking.last_state() == "55P03";
    if (refused) continue;
    asking.unlimit();
    if (!locked) return fail(Error(locked.error()).during("prove that writers wait"));
    return fail(Error{Errc::unsupported,
                      "another session can write to " + table + " although we hold it",
                      "the lock does not hold here: is this one server, without a proxy?"});
  }
  asking.unlimit();
  return {};
}

Result<void> check_place(Connection& session, const ServerIdentity& identity) {
  if (identity.standby) {
    return fail(Error{Errc::unsupported, "it is a standby: writes happen on its primary",
                      "name the primary in the URL"});
  }
  TRY(refuse_pooler(session));
  if (identity.system.empty()) return {};
  const Row row =
      TRY(session.row("SELECT system_identifier, pg_is_in_recovery() FROM pg_control_system()"));
  if (row.text(0) != identity.system || row.flag(1)) {
    return fail(Errc::unsupported, "the second session is not on the same server as the first");
  }
  return {};
}

class TableHold final : public SessionHold<Connection> {
 public:
  // COMMIT of a transaction that has failed answers without an error; the SELECT does not.
  TableHold(Connection session, Connection& asking, Wanted wanted, std::string doing,
            base::Duration hold_max)
      : SessionHold(std::move(session), "SELECT 1; COMMIT", hold_max),
        asking_(asking),
        wanted_(std::move(wanted)),
        doing_(std::move(doing)) {}

  Result<void> take(base::Deadline deadline) override {
    session().limit(deadline);
    const Result<void> locked = session().execute(
        "SET idle_in_transaction_session_timeout = " + base::milliseconds_of(hold_max()) +
        "; BEGIN READ WRITE; SET LOCAL lock_timeout = " + base::milliseconds_of(deadline.left()) +
        "; LOCK TABLE " + base::join(wanted_.quoted, ", ") + " IN SHARE MODE");
    if (!locked) {
      const bool late = locked.error().code == Errc::busy || session().last_state() == "57014";
      if (!late) return fail(Error(locked.error()).during(doing_));
      const auto who = TRY(who_blocks(asking_, wanted_.oids, "SHARE", session().server_process()));
      return fail(blocked_error(who, doing_));
    }
    taken();
    session().unlimit();
    TRY_DURING(doing_, prove(asking_, wanted_, deadline));
    return {};
  }

 private:
  Connection& asking_;
  const Wanted wanted_;
  const std::string doing_;
};

}  // namespace

Result<std::unique_ptr<Hold>> prepare_hold(Connection& holder, Connection& asking,
                                           const ServerIdentity& identity,
                                           const std::vector<std::string>& tables,
                                           base::Duration hold_max) {
  const std::string doing = "hold writes to " + base::join(tables, ", ");
  const base::Deadline deadline(prepare_max);
  Connection session =
      TRY_DURING(doing, Connection::connect({}, {.like = &holder, .time_max = deadline.left()}));
  session.limit(deadline);
  TRY_DURING(doing, check_place(session, identity));
  Wanted wanted = TRY_DURING(doing, find_tables(session, tables));
  rehearse(session, wanted);
  session.unlimit();
  asking.limit(deadline);
  rehearse(asking, wanted);
  asking.unlimit();
  return std::make_unique<TableHold>(std::move(session), asking, std::move(wanted), doing,
                                     hold_max);
}

}  // namespace stillpoint::database::postgresql

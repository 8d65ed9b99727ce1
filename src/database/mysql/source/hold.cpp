// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/source/hold.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "base/text.h"
#include "database/mysql/session/server_error.h"
#include "database/mysql/source/privileges.h"
#include "database/session_hold.h"

namespace stillpoint::database::mysql {
namespace {

constexpr std::chrono::seconds prepare_max{10};
// On a server that cannot refuse at once, a writer that still waits after this time is refused.
constexpr std::chrono::milliseconds proof_time{30};

// wait_timeout counts whole seconds, and the server must let go no later than it may.
long long seconds_of(base::Duration time) {
  return std::max<long long>(std::chrono::floor<std::chrono::seconds>(time).count(), 1);
}

Result<std::vector<std::string>> find_tables(Connection& session,
                                             const std::vector<std::string>& tables) {
  const Grants grants = TRY(read_grants(session));
  std::vector<std::string> quoted;
  std::vector<std::string> forbidden;
  for (const std::string& shown : tables) {
    const QualifiedName name = TRY(parse_qualified(shown));
    const auto type =
        session.value("SELECT table_type FROM information_schema.tables WHERE table_schema = " +
                      quote_text(name.schema) + " AND table_name = " + quote_text(name.name));
    if (!type && type.error().code != Errc::not_found) return fail(type.error());
    if (!type || (*type != "BASE TABLE" && *type != "SYSTEM VERSIONED")) {
      return fail(Error{Errc::not_found,
                        "there is no table " + base::printable(shown) + " that the user may see",
                        "names are written schema.table"});
    }
    if (!grants.on_schema("LOCK TABLES", name.schema)) {
      forbidden.push_back("GRANT LOCK TABLES ON " + quote_name(grants.pattern_for(name.schema)) +
                          ".* TO " + TRY(account_of(session)) + ";");
    }
    quoted.push_back(quote_qualified(name.schema, name.name));
  }
  if (forbidden.empty()) return quoted;
  return fail(Error{Errc::denied, "holding writes needs the right LOCK TABLES",
                    "as an administrator, run: " + base::join(forbidden, " ")});
}

// From a second session: whoever wants to write is refused. A reading for update takes the same
// lock as a write, before it looks at any row.
Result<void> prove(Connection& asking, const ServerIdentity& identity,
                   const std::vector<std::string>& quoted, const base::Deadline& deadline) {
  for (const std::string& table : quoted) {
    std::string sql = "SELECT 1 FROM " + table + " LIMIT 0 FOR UPDATE";
    if (identity.mariadb) {
      asking.limit(deadline);
      sql += " NOWAIT";
    } else {
      asking.limit(base::Deadline(std::min<base::Duration>(proof_time, deadline.left())));
    }
    const Result<void> written = asking.execute(sql);
    asking.unlimit();
    const bool refused = !written && (asking.last_number() == er_lock_wait_timeout ||
                                      (!identity.mariadb && written.error().code == Errc::busy));
    if (refused && asking.usable()) continue;
    if (!written) return fail(Error(written.error()).during("prove that writers wait"));
    return fail(Error{Errc::unsupported,
                      "another session can write to " + table + " although we hold it",
                      "the lock does not hold here: is this one server, without a proxy?"});
  }
  return {};
}

Result<void> check_place(Connection& session, const ServerIdentity& identity) {
  if (identity.replica) {
    return fail(Error{Errc::unsupported, "it is a replica: writes happen on its primary",
                      "name the primary in the URL"});
  }
  if (identity.cluster) {
    return fail(Error{Errc::unsupported,
                      "the server is one of a cluster: its locks do not bind the others",
                      "pause the application instead"});
  }
  return check_same_server(session, identity);
}

class TableHold final : public SessionHold<Connection> {
 public:
  TableHold(Connection session, Connection& asking, const ServerIdentity& identity,
            std::vector<std::string> quoted, std::string doing, base::Duration hold_max)
      : SessionHold(std::move(session), "UNLOCK TABLES", hold_max),
        asking_(asking),
        identity_(identity),
        quoted_(std::move(quoted)),
        doing_(std::move(doing)) {}

  Result<void> take(base::Deadline deadline) override {
    session().limit(deadline);
    // The server's own limit on the wait is for the case that we die meanwhile.
    const auto wait = std::chrono::ceil<std::chrono::seconds>(deadline.left()).count();
    TRY_DURING(doing_, session().execute(
                           fmt::format("SET SESSION wait_timeout = {}, lock_wait_timeout = {}",
                                       seconds_of(hold_max()), std::max<long long>(wait, 1))));
    const Result<void> locked =
        session().execute("LOCK TABLES " + base::join(quoted_, " READ, ") + " READ");
    if (!locked) {
      const bool late =
          locked.error().code == Errc::busy || session().last_number() == er_lock_wait_timeout;
      return fail(late ? who_is_in_the_way() : Error(locked.error()).during(doing_));
    }
    taken();
    session().unlimit();
    TRY_DURING(doing_, prove(asking_, identity_, quoted_, deadline));
    return {};
  }

 private:
  Error who_is_in_the_way() {
    const std::vector<std::string> who = busy_sessions(asking_);
    return {
        Errc::busy,
        doing_ + ": " +
            (who.empty() ? "somebody uses them" : "perhaps in the way: " + base::join(who, ", ")),
        "wait until they are done, end them with KILL, or allow more time"};
  }

  Connection& asking_;
  const ServerIdentity& identity_;
  const std::vector<std::string> quoted_;
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
  std::vector<std::string> quoted = TRY_DURING(doing, find_tables(session, tables));
  session.unlimit();
  return std::make_unique<TableHold>(std::move(session), asking, identity, std::move(quoted), doing,
                                     hold_max);
}

}  // namespace stillpoint::database::mysql

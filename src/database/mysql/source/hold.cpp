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

}  // namespace

Result<std::unique_ptr<Hold>> hold_tables(Connection& holder, Connection& asking,
                                          const ServerIdentity& identity,
                                          const std::vector<std::string>& tables,
                                          base::Deadline deadline, base::Duration hold_max) {
  const std::string doing = "hold writes to " + base::join(tables, ", ");
  Connection session =
      TRY_DURING(doing, Connection::connect({}, {.like = &holder, .time_max = deadline.left()}));
  session.limit(deadline);
  TRY_DURING(doing, check_place(session, identity));
  const std::vector<std::string> quoted = TRY_DURING(doing, find_tables(session, tables));
  // The server's own limit on the wait is for the case that we die meanwhile.
  const auto wait = std::chrono::ceil<std::chrono::seconds>(deadline.left()).count();
  TRY_DURING(doing,
             session.execute(fmt::format("SET SESSION wait_timeout = {}, lock_wait_timeout = {}",
                                         seconds_of(hold_max), std::max<long long>(wait, 1))));
  const Result<void> locked =
      session.execute("LOCK TABLES " + base::join(quoted, " READ, ") + " READ");
  if (!locked) {
    const bool late =
        locked.error().code == Errc::busy || session.last_number() == er_lock_wait_timeout;
    if (!late) return fail(Error(locked.error()).during(doing));
    const std::vector<std::string> who = busy_sessions(asking);
    return fail(Error{
        Errc::busy,
        doing + ": " +
            (who.empty() ? "somebody uses them" : "perhaps in the way: " + base::join(who, ", ")),
        "wait until they are done, end them with KILL, or allow more time"});
  }
  session.unlimit();
  auto hold =
      std::make_unique<SessionHold<Connection>>(std::move(session), "UNLOCK TABLES", hold_max);
  TRY_DURING(doing, prove(asking, identity, quoted, deadline));
  return hold;
}

}  // namespace stillpoint::database::mysql

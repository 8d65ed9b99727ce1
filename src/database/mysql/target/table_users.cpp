// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/target/table_users.h"

#include <fmt/format.h>

#include "base/text.h"

namespace stillpoint::database::mysql {
namespace {

constexpr unsigned no_such_thread = 1094;

// The connections that hold metadata locks there; nothing where the server does not tell.
std::optional<std::set<std::uint64_t>> holders(Connection& session, const std::string& in) {
  const std::string sql =
      session.is_mariadb()
          ? "SELECT thread_id FROM information_schema.metadata_lock_info WHERE table_schema IN " +
                in
          : "SELECT t.processlist_id FROM performance_schema.metadata_locks l"
            " JOIN performance_schema.threads t ON t.thread_id = l.owner_thread_id"
            " WHERE l.lock_status = 'GRANTED' AND l.object_type = 'TABLE' AND l.object_schema IN " +
                in;
  const auto rows = session.query(sql);
  if (!rows) return std::nullopt;
  std::set<std::uint64_t> ids;
  for (const Row& row : *rows) ids.insert(row.count(0));
  // Somebody holds one: whoever sees none has not been told.
  return ids.empty() ? std::nullopt : std::optional(ids);
}

}  // namespace

Result<std::vector<TableUser>> users_of_tables(Connection& session,
                                               const std::set<std::string>& schemas) {
  std::vector<std::string> quoted;
  for (const std::string& schema : schemas) quoted.push_back(quote_text(schema));
  const auto known = holders(session, "(" + base::join(quoted, ", ") + ")");
  const auto ask = [&](const std::string& started, const std::string& join) {
    return session.query("SELECT p.id, CONCAT(p.user, '@', p.host), p.command, p.time, " + started +
                         " FROM information_schema.processlist p" + join +
                         " WHERE p.user NOT IN ('system user', 'event_scheduler') AND p.command <>"
                         " 'Daemon' AND p.command NOT LIKE 'Binlog Dump%' AND p.id <> " +
                         std::to_string(session.id()) + " ORDER BY p.id");
  };
  auto found = ask("TIMESTAMPDIFF(SECOND, t.trx_started, NOW())",
                   " LEFT JOIN information_schema.innodb_trx t ON t.trx_mysql_thread_id = p.id");
  // Without the right PROCESS one sees one's own sessions only, and no transactions.
  if (!found && found.error().code == Errc::denied) found = ask("NULL", "");
  const std::vector<Row> rows = TRY_DURING("look who uses the tables", std::move(found));
  std::vector<TableUser> users;
  for (const Row& row : rows) {
    const bool busy = !row.is_null(4) || row.text(2) == "Query" || row.text(2) == "Execute";
    if (known ? !known->contains(row.count(0)) : !busy) continue;
    const std::string doing = row.is_null(4) ? row.text(2) + " for " + row.text(3)
                                             : "in a transaction for " + row.text(4);
    users.push_back({row.count(0), fmt::format("connection {} ({}, {} s)", row.text(0),
                                               base::printable(row.text(1)), doing)});
  }
  return users;
}

Result<void> end_sessions(Connection& session, const std::vector<TableUser>& users) {
  for (const TableUser& user : users) {
    const Result<void> ended = session.execute(fmt::format("KILL CONNECTION {}", user.id));
    if (!ended && session.last_number() != no_such_thread) {
      return fail(Error(ended.error()).during("end " + user.shown));
    }
  }
  return {};
}

}  // namespace stillpoint::database::mysql

// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/target/maintenance.h"

#include <array>
#include <cstdlib>

#include "base/text.h"
#include "database/postgresql/session/location.h"
#include "database/postgresql/target/staging_mark.h"

namespace stillpoint::database::postgresql {
namespace {

constexpr std::string_view find_sql =
    "SELECT d.datname, d.oid,"
    " CASE WHEN has_database_privilege(d.oid, 'CONNECT')"
    "  OR pg_has_role('pg_read_all_stats', 'USAGE') THEN pg_database_size(d.oid) ELSE 0 END,"
    " pg_get_userbyid(d.datdba), coalesce(shobj_description(d.oid, 'pg_database'), ''),"
    " pg_has_role(d.datdba, 'USAGE'), d.datallowconn FROM pg_database d ";

FoundDatabase found_of(const Row& row) {
  return {row.text(0), row.number(1), static_cast<std::uint64_t>(row.number(2)),
          row.text(3), row.text(4),   row.flag(5),
          row.flag(6)};
}

std::string session_settings() {
  return "SET application_name = " + quote_text(restorer_name) +
         "; SET default_transaction_read_only = off";
}

// The database that the URL means: that it names, or else that libpq chooses.
Result<std::string> target_of(const Address& address, const std::stop_token& stop) {
  std::string named = database_of(address.url);
  if (!named.empty()) return named;
  ConnectOptions options;
  options.stop = stop;
  const auto chosen = Connection::connect(address, options);
  if (chosen) return keyword_of(chosen->connection_text(), "dbname");
  if (chosen.error().code != Errc::not_found) return fail(chosen.error());
  return fail(Error{Errc::invalid, shown_url(address.url) + " names no database that exists",
                    "name the one to be restored: postgresql://HOST/NAME"});
}

Result<Connection> connect_beside(const Address& address, const std::string& target,
                                  const std::stop_token& stop) {
  Result<Connection> failed = fail(Errc::internal, "no database");
  for (const std::string& database : {std::string("postgres"), std::string("template1"), target}) {
    if (database == target && target == "postgres") continue;
    ConnectOptions options;
    options.database = database;
    options.stop = stop;
    failed = Connection::connect(address, options);
    if (failed) return failed;
    const Errc code = failed.error().code;
    if (code != Errc::not_found && code != Errc::denied) return failed;
  }
  if (target != "postgres") return failed;
  ConnectOptions options;
  options.stop = stop;
  options.database = target;
  return Connection::connect(address, options);
}

}  // namespace

std::string keyword_of(std::string_view connection_text, std::string_view keyword) {
  std::string value;
  for (std::size_t at = 0; at < connection_text.size();) {
    const std::size_t equals = connection_text.find("='", at);
    if (equals == std::string_view::npos) break;
    const std::string_view name = connection_text.substr(at, equals - at);
    std::string found;
    for (at = equals + 2; at < connection_text.size() && connection_text[at] != '\''; ++at) {
      if (connection_text[at] == '\\') ++at;
      if (at < connection_text.size()) found += connection_text[at];
    }
    at += 2;  // the closing quote and the blank
    if (name == keyword) value = found;
  }
  return value;
}

Result<Maintenance> Maintenance::connect(const Address& address, const std::stop_token& stop) {
  const std::string target = TRY(target_of(address, stop));
  Connection session = TRY(connect_beside(address, target, stop));
  Maintenance maintenance(address, std::move(session));
  maintenance.target_ = target;
  const std::string text = maintenance.session_.connection_text();
  maintenance.place_ = keyword_of(text, "host") + ":" + keyword_of(text, "port");
  if (TRY(maintenance.session_.value("SELECT pg_is_in_recovery()")) == "t") {
    return fail(Error{Errc::invalid, maintenance.place_ + " is a standby, which takes no writes",
                      "name its primary"});
  }
  TRY(maintenance.session_.execute(session_settings()));
  return maintenance;
}

std::string Maintenance::version() const {
  const int number = session_.server_version();
  return fmt::format("{}.{}", number / 10000, number % 10000);
}

std::string Maintenance::described(std::string_view name) const {
  return "database " + base::printable(name) + " on " + place_;
}

Result<std::optional<FoundDatabase>> Maintenance::find(const std::string& name) {
  const auto rows =
      TRY(session_.query(std::string(find_sql) + "WHERE d.datname = $1::name", {name}));
  if (rows.empty()) return std::nullopt;
  return found_of(rows.front());
}

Result<std::vector<FoundDatabase>> Maintenance::all() {
  const auto rows = TRY(session_.query(std::string(find_sql) + "ORDER BY d.datname"));
  std::vector<FoundDatabase> found;
  for (const Row& row : rows) found.push_back(found_of(row));
  return found;
}

Result<std::vector<std::string>> Maintenance::users_of(const std::string& name) {
  const auto rows = TRY(
      session_.query("SELECT pid, usename, application_name, host(client_addr), backend_type"
                     " FROM pg_stat_activity WHERE datname = $1::name AND pid <> pg_backend_pid()"
                     " AND backend_type NOT IN ('autovacuum worker', 'parallel worker')"
                     " UNION ALL SELECT NULL, owner, gid, NULL, NULL"
                     " FROM pg_prepared_xacts WHERE database = $1::name ORDER BY 1",
                     {name}));
  std::vector<std::string> users;
  for (const Row& row : rows) {
    if (row.is_null(0)) {
      users.push_back(fmt::format("the prepared transaction '{}' (of {})",
                                  base::printable(row.text(2)), base::printable(row.text(1))));
      continue;
    }
    std::vector<std::string> about;
    if (!row.text(1).empty()) about.push_back(base::printable(row.text(1)));
    if (!row.text(2).empty()) about.push_back(base::printable(row.text(2)));
    if (row.text(4) != "client backend") about.push_back(row.text(4));
    about.push_back(row.is_null(3) ? "local" : "from " + row.text(3));
    users.push_back(row.text(0) + " (" + base::join(about, ", ") + ")");
  }
  return users;
}

Result<Role> Maintenance::role() {
  const Row row = TRY(session_.row(
      "SELECT rolname, rolsuper, rolcreatedb FROM pg_roles WHERE rolname = current_user"));
  return Role{row.text(0), row.flag(1), row.flag(2)};
}

Result<bool> Maintenance::has_restorer(const FoundDatabase& database) {
  const std::string found = TRY(session_.value(
      "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datid = $1::oid AND"
      " application_name = $2) OR EXISTS (SELECT FROM pg_locks WHERE locktype = 'object' AND"
      " classid = 'pg_database'::regclass AND objid = $1::oid AND granted AND mode IN"
      " ('ShareUpdateExclusiveLock', 'AccessExclusiveLock') AND pid <> pg_backend_pid())",
      {std::to_string(database.oid), std::string(restorer_name)}));
  return found == "t";
}

Result<void> Maintenance::end_sessions(const std::string& name) {
  TRY(
      session_.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                     " WHERE datname = $1::name AND pid <> pg_backend_pid()"
                     " AND backend_type NOT IN ('autovacuum worker', 'parallel worker')",
                     {name}));
  return {};
}

// A database with subscriptions cannot be dropped. A staged one's were never enabled, and the slots
// that they name on other servers are not theirs.
Result<void> Maintenance::drop_subscriptions(const std::string& name) {
  const std::vector<Row> found =
      TRY(session_.query("SELECT s.subname FROM pg_subscription s JOIN pg_database d"
                         " ON d.oid = s.subdbid WHERE d.datname = $1::name AND NOT s.subenabled",
                         {name}));
  if (found.empty()) return {};
  Connection inside = TRY(enter(name));
  for (const Row& row : found) {
    const std::string subscription = "SUBSCRIPTION " + quote_name(row.text(0));
    TRY(inside.execute("ALTER " + subscription + " SET (slot_name = NONE)"));
    TRY(inside.execute("DROP " + subscription));
  }
  return {};
}

Result<void> Maintenance::drop(const std::string& name) {
  TRY(drop_subscriptions(name));
  const bool forces = session_.server_version() >= 130000;
  if (!forces && TRY(find(name))) TRY(end_sessions(name));
  return session_.execute("DROP DATABASE IF EXISTS " + quote_name(name) +
                          (forces ? " WITH (FORCE)" : ""));
}

Result<Connection> Maintenance::enter(const std::string& database, const std::stop_token& stop) {
  if (!session_.usable()) return fail(Errc::unavailable, "the session with {} is lost", place_);
  ConnectOptions options;
  options.like = &session_;
  options.database = database;
  options.stop = stop;
  Connection session = TRY(Connection::connect(address_, options));
  TRY(session.execute(session_settings()));
  return session;
}

}  // namespace stillpoint::database::postgresql

// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/session/server_identity.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

namespace stillpoint::database::postgresql {
namespace {

constexpr int oldest_version = 120000;
constexpr std::chrono::milliseconds replay_pause{50};

Error pooler_error() {
  return {Errc::unsupported,
          "there is a pooler (such as PgBouncer) between us and the server: it may change the "
          "session under a snapshot",
          "name the server's own host and port in the URL"};
}

}  // namespace

Result<void> refuse_pooler(Connection& session) {
  const std::string process = TRY(session.value("SELECT pg_backend_pid()"));
  if (process != std::to_string(session.server_process())) return fail(pooler_error());
  return {};
}

Result<ServerIdentity> identify_server(Connection& session) {
  ServerIdentity identity;
  identity.version = session.server_version();
  if (identity.version < oldest_version) {
    return fail(Error{Errc::unsupported,
                      fmt::format("the server is PostgreSQL {}; the oldest that is supported is 12",
                                  identity.version / 10000),
                      "use pg_dump, or upgrade the server"});
  }
  TRY(refuse_pooler(session));
  const Row row =
      TRY(session.row("SELECT pg_is_in_recovery(), current_database(),"
                      " has_function_privilege('pg_control_system()', 'EXECUTE')"));
  identity.standby = row.flag(0);
  identity.database = row.text(1);
  if (row.flag(2)) {
    identity.system = TRY(session.value("SELECT system_identifier FROM pg_control_system()"));
  }
  return identity;
}

Result<std::vector<std::string>> wait_for_replay(Connection& session, base::Deadline deadline,
                                                 std::stop_token stop) {
  const std::string received =
      TRY(session.value("SELECT coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())"));
  for (;;) {
    const Row row = TRY(session.row(
        "SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn, pg_is_wal_replay_paused()", {received}));
    if (row.flag(0)) break;
    if (row.flag(1)) {
      return fail(Error{Errc::unavailable, "the standby's replay is paused",
                        "run SELECT pg_wal_replay_resume() there"});
    }
    if (deadline.passed()) {
      return fail(Error{Errc::unavailable,
                        "the standby has not yet replayed what it has received (" + received + ")",
                        "wait until it has caught up, or read from the primary"});
    }
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    never.wait_for(lock, stop, replay_pause, [] { return false; });
    if (stop.stop_requested()) return fail(Errc::cancelled, "stopped on request");
  }
  std::vector<std::string> warnings;
  const Row row = TRY(session.row(
      "SELECT coalesce(to_char(now() - pg_last_xact_replay_timestamp(), 'HH24:MI:SS'), ''),"
      " EXISTS (SELECT FROM pg_stat_wal_receiver), current_setting('hot_standby_feedback')"));
  warnings.push_back(
      "it is a standby" +
      (row.text(0).empty() ? "" : ": its last transaction is " + row.text(0) + " old"));
  if (!row.flag(1)) warnings.emplace_back("the standby receives nothing from its primary now");
  if (row.text(2) != "on") {
    warnings.emplace_back(
        "the primary may cancel a long read on the standby: set hot_standby_feedback = on there");
  }
  return warnings;
}

Result<std::vector<Setting>> read_settings(Connection& session, const ServerIdentity& identity) {
  const std::string provider =
      identity.version >= 150000
          ? "CASE d.datlocprovider WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END"
          : "'libc'";
  const std::string locale = identity.version >= 170000   ? "coalesce(d.datlocale, '')"
                             : identity.version >= 150000 ? "coalesce(d.daticulocale, '')"
                                                          : "''";
  const Row row = TRY_DURING(
      "read the database's settings",
      session.row("SELECT current_setting('server_version'), d.datname,"
                  " pg_encoding_to_char(d.encoding), d.datcollate, d.datctype, " +
                  provider + ", " + locale +
                  ", pg_get_userbyid(d.datdba), t.spcname, current_setting('data_checksums'),"
                  " pg_database_size(d.oid) FROM pg_database d JOIN pg_tablespace t"
                  " ON t.oid = d.dattablespace WHERE d.datname = current_database()"));
  const std::vector<std::string> names = {
      "server_version", "database", "encoding",   "collate",        "ctype", "locale_provider",
      "locale",         "owner",    "tablespace", "data_checksums", "size"};
  std::vector<Setting> settings;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!row.text(i).empty()) settings.push_back({names[i], row.text(i)});
  }
  settings.push_back({"in_recovery", identity.standby ? "on" : "off"});
  if (!identity.system.empty()) settings.push_back({"system_identifier", identity.system});
  return settings;
}

}  // namespace stillpoint::database::postgresql

// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/session/server_identity.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"

namespace stillpoint::database::mysql {
namespace {

constexpr unsigned oldest_mariadb = 100600;
constexpr unsigned oldest_mysql = 80017;

std::string variable(Connection& session, const std::string& name) {
  const auto rows = session.query("SHOW GLOBAL VARIABLES LIKE " + quote_text(name));
  return rows && !rows->empty() ? rows->front().text(1) : std::string();
}

std::string status(Connection& session, const std::string& name) {
  const auto rows = session.query("SHOW GLOBAL STATUS LIKE " + quote_text(name));
  return rows && !rows->empty() ? rows->front().text(1) : std::string();
}

bool is_on(const std::string& value) {
  return value == "ON" || value == "1";
}

Result<void> refuse_strangers(const Connection& session) {
  const std::string& text = session.version_text();
  for (const char* other : {"TiDB", "OceanBase", "Vitess", "StarRocks", "doris", "SingleStore"}) {
    if (text.find(other) == std::string::npos) continue;
    return fail(Error{Errc::unsupported, std::string("it is ") + other + ", not MySQL or MariaDB",
                      "use that product's own backup"});
  }
  const unsigned oldest = session.is_mariadb() ? oldest_mariadb : oldest_mysql;
  if (session.server_version() >= oldest) return {};
  return fail(Error{Errc::unsupported,
                    "the server is " + text +
                        "; the oldest that are supported are MariaDB 10.6 "
                        "and MySQL 8.0.17",
                    "use mysqldump, or upgrade the server"});
}

// What the server's binary log leaves out.
void look_at_log(Connection& session, ServerIdentity& identity) {
  identity.binary_log = is_on(variable(session, "log_bin"));
  if (!identity.binary_log) {
    identity.log_doubt = "there is no binary log";
    return;
  }
  const auto rows = session.query(log_status_sql(identity));
  if (!rows) {
    identity.log_right = identity.mariadb ? "BINLOG MONITOR" : "REPLICATION CLIENT";
    identity.log_doubt =
        "whether the binary log holds every write cannot be told without the right " +
        identity.log_right;
    return;
  }
  if (!rows->empty() && (!rows->front().text("Binlog_Do_DB").empty() ||
                         !rows->front().text("Binlog_Ignore_DB").empty())) {
    identity.log_doubt = "the binary log is filtered (binlog_do_db, binlog_ignore_db)";
    return;
  }
  const std::string updates = variable(session, "log_replica_updates");
  if (identity.replica &&
      !is_on(updates.empty() ? variable(session, "log_slave_updates") : updates)) {
    identity.log_doubt = "the binary log lacks what the replica replays (log_slave_updates)";
    return;
  }
  identity.log_sees_all = true;
}

bool is_replica(Connection& session, bool mariadb, unsigned version) {
  if (mariadb) return status(session, "Slaves_running") > "0";
  const auto rows = session.query(version >= 80022 ? "SHOW REPLICA STATUS" : "SHOW SLAVE STATUS");
  return rows && !rows->empty();
}

}  // namespace

std::string log_status_sql(const ServerIdentity& identity) {
  const bool newer = !identity.mariadb && identity.version >= 80200;
  return newer ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS";
}

Result<ServerIdentity> identify_server(Connection& session) {
  TRY(refuse_strangers(session));
  ServerIdentity identity;
  identity.mariadb = session.is_mariadb();
  identity.version = session.server_version();
  const std::string unique = variable(session, identity.mariadb ? "server_uid" : "server_uuid");
  const Row row =
      TRY(session.row("SELECT @@hostname, @@port, @@server_id, @@datadir,"
                      " @@lower_case_table_names, @@read_only"));
  identity.server = unique.empty()
                        ? row.text(0) + ":" + row.text(1) + ":" + row.text(2) + ":" + row.text(3)
                        : unique + ":" + row.text(1);
  identity.lower_case_names = static_cast<int>(row.number(4));
  identity.read_only = is_on(row.text(5)) || row.text(5).starts_with("READ_ONLY");
  identity.replica = is_replica(session, identity.mariadb, identity.version);
  identity.cluster = is_on(variable(session, "wsrep_on")) ||
                     !variable(session, "group_replication_group_name").empty();
  look_at_log(session, identity);
  TRY(check_same_server(session, identity));
  return identity;
}

Result<void> check_same_server(Connection& session, const ServerIdentity& identity) {
  const std::string unique = identity.mariadb ? "server_uid" : "server_uuid";
  const Row row =
      TRY(session.row("SELECT CONNECTION_ID(), @@hostname, @@port, @@server_id,"
                      " @@datadir"));
  std::string server = variable(session, unique);
  server = server.empty() ? row.text(1) + ":" + row.text(2) + ":" + row.text(3) + ":" + row.text(4)
                          : server + ":" + row.text(2);
  if (row.text(0) == std::to_string(session.id()) && server == identity.server) return {};
  return fail(Error{Errc::unsupported,
                    "there is a proxy (such as ProxySQL or MaxScale) between us and the server: it "
                    "may change the session under a snapshot",
                    "name the server's own host and port in the URL"});
}

Result<std::vector<Setting>> read_settings(Connection& session, const ServerIdentity& identity) {
  std::vector<Setting> settings = {
      {"server_version", session.version_text()},
      {"flavor", identity.mariadb ? "mariadb" : "mysql"},
      {"server", identity.server},
      {"read_only", identity.read_only ? "on" : "off"},
      {"replica", identity.replica ? "on" : "off"},
      {"binary_log", identity.binary_log ? "on" : "off"},
  };
  for (const char* name :
       {"hostname", "server_id", "character_set_server", "collation_server", "sql_mode",
        "time_zone", "lower_case_table_names", "default_storage_engine", "innodb_page_size",
        "gtid_mode", "gtid_domain_id", "explicit_defaults_for_timestamp", "max_allowed_packet"}) {
    const std::string value = variable(session, name);
    if (!value.empty()) settings.push_back({name, value});
  }
  return settings;
}

std::vector<std::string> busy_sessions(Connection& session) {
  constexpr std::size_t shown = 5;
  std::vector<std::string> all;
  const auto add = [&](const std::string& sql, const std::string& form) {
    const auto rows = session.query(sql);
    if (!rows) return;
    for (const Row& row : *rows) {
      all.push_back(
          fmt::format("connection {} ({}, {} for {} s)", row.text(0), base::printable(row.text(1)),
                      form + (row.text(2).empty() ? "" : " " + row.text(2)), row.text(3)));
    }
  };
  const std::string us = std::to_string(session.id());
  const std::string ours = " AND p.id <> " + us + " ORDER BY 4 DESC LIMIT " + std::to_string(shown);
  add("SELECT p.id, CONCAT(p.user, '@', p.host), '', TIMESTAMPDIFF(SECOND, t.trx_started, NOW())"
      " FROM information_schema.innodb_trx t JOIN information_schema.processlist p"
      " ON p.id = t.trx_mysql_thread_id WHERE t.trx_rows_modified + t.trx_rows_locked > 0" +
          ours,
      "in a transaction");
  if (all.size() < shown) {
    add("SELECT p.id, CONCAT(p.user, '@', p.host), COALESCE(p.state, ''), p.time"
        " FROM information_schema.processlist p WHERE p.command = 'Query'" +
            ours,
        "running");
  }
  return all;
}

}  // namespace stillpoint::database::mysql

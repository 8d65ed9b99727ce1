// SPDX-License-Identifier: Apache-2.0
// Whom we talk to: which server, in which state, and whether directly.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "database/database.h"
#include "database/mysql/session/connection.h"

namespace stillpoint::database::mysql {

struct ServerIdentity {
  bool mariadb = false;
  unsigned version = 0;     // 101119
  std::string server = {};  // what no other server has: its uuid, or the like
  bool read_only = false;   // ordinary users cannot write
  bool replica = false;     // it follows another server
  bool cluster = false;     // locks of one of its servers do not bind the others
  bool binary_log = false;
  // Every write that commits is in the binary log, as far as a server can tell: there is one, it is
  // not filtered, and it has what a replica replays. (Whoever may set sql_log_bin = 0 can lie.)
  bool log_sees_all = false;
  std::string log_doubt = {};  // why not, in words
  std::string log_right = {};  // the one that it takes to see where the log ends, if it is missing
  int lower_case_names = 0;    // lower_case_table_names
};

// `unsupported` for servers that are too old, for others that only speak the protocol, and for
// proxies that change the session's server.
Result<ServerIdentity> identify_server(Connection& session);
// What tells where the binary log ends: its File and Position; in MySQL also its Executed_Gtid_Set.
std::string log_status_sql(const ServerIdentity& identity);
// That another session is on the same server, and not behind a proxy that swaps.
Result<void> check_same_server(Connection& session, const ServerIdentity& identity);

// Facts for the manifest.
Result<std::vector<Setting>> read_settings(Connection& session, const ServerIdentity& identity);

// "conn 12 (app@10.0.0.7:5123, Query for 35 s: Waiting for table metadata lock)": sessions whose
// transactions or statements may be in the way; none where we may not see them.
std::vector<std::string> busy_sessions(Connection& session);

}  // namespace stillpoint::database::mysql

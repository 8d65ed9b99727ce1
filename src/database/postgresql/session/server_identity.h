// SPDX-License-Identifier: Apache-2.0
// Whom we talk to: which server, in which state, and whether directly.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "database/database.h"
#include "database/postgresql/session/connection.h"

namespace stillpoint::database::postgresql {

struct ServerIdentity {
  int version = 0;          // 150004
  bool standby = false;     // in recovery: it only follows another server
  std::string system = {};  // the cluster's identifier; empty where we may not know it
  std::string database = {};
};

// `unsupported` for servers that are too old, and for poolers: a session that is not the server's
// own may lose its locks and its snapshot between two statements.
Result<ServerIdentity> identify_server(Connection& session);
Result<void> refuse_pooler(Connection& session);

// Until a standby has replayed what it had received when this was called. Returns warnings about
// reading from a standby.
Result<std::vector<std::string>> wait_for_replay(Connection& session, base::Deadline deadline,
                                                 std::stop_token stop);

// Facts for the manifest: server_version, database, encoding, collate, owner …
Result<std::vector<Setting>> read_settings(Connection& session, const ServerIdentity& identity);

}  // namespace stillpoint::database::postgresql

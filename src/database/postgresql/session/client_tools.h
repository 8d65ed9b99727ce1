// SPDX-License-Identifier: Apache-2.0
// PostgreSQL's own programs: pg_dump knows every kind of object of its server.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/program.h"
#include "base/result.h"
#include "database/postgresql/session/connection.h"

namespace stillpoint::database::postgresql {

struct ClientTools {
  std::string folder = {};  // with pg_dump, pg_restore and pg_dumpall
  int version = 0;          // 15
};

// The oldest ones that can read a server of this version (150004) among PATH and the folders where
// packages put them; `unsupported` with the package that has them.
Result<ClientTools> find_client_tools(int server_version);

// Where they are to connect to: the server and database of a session.
struct ToolTarget {
  std::string connection = {};
  std::string password = {};
  std::string service = {};  // a service file with further secrets; empty: there are none
};
ToolTarget target_of(const Connection& session);

// Runs one of them there; the password is not visible in ps. Returns what it said on stderr.
Result<std::string> run_client_tool(const ClientTools& tools, const std::string& name,
                                    const std::vector<std::string>& arguments,
                                    const ToolTarget& target, const base::OutputSink& output,
                                    std::stop_token stop);

// The lines that begin with "pg_dump: warning:", without that.
std::vector<std::string> warnings_in(const std::string& said);

}  // namespace stillpoint::database::postgresql

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>

#include "base/result.h"
#include "database/mysql/session/connection.h"

namespace stillpoint::database::mysql {

// The tables and sequences of a schema; none where it does not exist.
Result<std::set<std::string>> tables_in(Connection& session, const std::string& schema);

// What is where now; each schema is read once.
class Whereabouts {
 public:
  explicit Whereabouts(Connection& session) : session_(session) {}
  Result<bool> has(const std::string& schema, const std::string& name);

 private:
  Connection& session_;
  std::map<std::string, std::set<std::string>> known_;
};

}  // namespace stillpoint::database::mysql

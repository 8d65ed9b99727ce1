// SPDX-License-Identifier: Apache-2.0
// The server that a restore goes to, and what it has to be and have.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "database/mysql/session/connection.h"
#include "database/mysql/session/server_identity.h"
#include "database/mysql/target/staging_mark.h"
#include "database/target.h"

namespace stillpoint::database::mysql {

class RestoreServer {
 public:
  static Result<RestoreServer> connect(const Address& address, const std::stop_token& stop);

  Connection& session() { return session_; }
  const ServerIdentity& identity() const { return identity_; }
  std::string described(const std::string& schema) const;  // "schema shop on db1:3306"
  const std::string& place() const { return place_; }

  // Of those that are there.
  struct Found {
    std::string name = {};
    std::uint64_t bytes = 0;
    std::uint64_t tables = 0;
  };
  Result<std::vector<Found>> schemas(const std::vector<std::string>& named);

  // Refuses what would fail later: a server that nobody may write to, without LOAD DATA LOCAL,
  // without room (where the disk is ours to see).
  Result<void> check(const Content& content);

 private:
  RestoreServer(Connection session, ServerIdentity identity);
  Result<void> check_room(std::uint64_t bytes);

  Connection session_;
  ServerIdentity identity_;
  std::string place_;
};

// Which schema of the backup goes where: those of the URL, or where it names none, the same names
// (with the URL's suffix). `invalid` where that is not clear.
Result<std::vector<Place>> places_of(const Location& location, const Content& content);
// The schemas of the backup, as its objects say.
Result<std::vector<std::string>> schemas_of(const Content& content);
// Refuses a switch after which tables of other schemas would refer to the old ones.
Result<void> check_references(Connection& session, const std::vector<Place>& places);

}  // namespace stillpoint::database::mysql

// SPDX-License-Identifier: Apache-2.0
// A session beside the database that is restored, and what its server says about databases.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "database/postgresql/session/connection.h"

namespace stillpoint::database::postgresql {

struct FoundDatabase {
  std::string name = {};
  std::int64_t oid = 0;
  std::uint64_t bytes = 0;  // 0: we may not know
  std::string owner = {};
  std::string comment = {};
  bool ours = false;  // we have its owner's rights
  bool open = true;   // it takes connections
};

// What the restoring role may do.
struct Role {
  std::string name = {};
  bool superuser = false;
  bool creates_databases = false;
};

class Maintenance {
 public:
  // To the database "postgres", else "template1", else the URL's; never to the one that the URL
  // names where another one can be had. Refuses a standby.
  static Result<Maintenance> connect(const Address& address, const std::stop_token& stop = {});

  Connection& session() { return session_; }
  const std::string& target() const { return target_; }  // the database that the URL names
  const std::string& place() const { return place_; }    // "db1:5432", for messages
  std::string version() const;                           // "15.18"
  std::string described(std::string_view name) const;    // "database bank on db1:5432"

  Result<std::optional<FoundDatabase>> find(const std::string& name);
  Result<std::vector<FoundDatabase>> all();
  // Sessions and prepared transactions in a database, those of autovacuum excepted:
  // "4711 (bank, psql, from 10.0.0.1)".
  Result<std::vector<std::string>> users_of(const std::string& name);
  Result<Role> role();
  // Whether a restore's session is in it, or is about to rename it.
  Result<bool> has_restorer(const FoundDatabase& database);
  // Ends all sessions in it but those of this restore (none in staged and old databases).
  Result<void> end_sessions(const std::string& name);
  // Ends its sessions and drops it, if it is there.
  Result<void> drop(const std::string& name);

  // A session of a restore in that database of the same server.
  Result<Connection> enter(const std::string& database, const std::stop_token& stop = {});
  // Another one of this kind.
  Result<Connection> again(const std::stop_token& stop = {}) { return enter({}, stop); }

 private:
  Maintenance(Address address, Connection session)
      : address_(std::move(address)), session_(std::move(session)) {}
  Result<void> drop_subscriptions(const std::string& name);

  Address address_;
  Connection session_;
  std::string target_;
  std::string place_;
};

// The value of a keyword in what Connection::connection_text() returns.
std::string keyword_of(std::string_view connection_text, std::string_view keyword);

}  // namespace stillpoint::database::postgresql

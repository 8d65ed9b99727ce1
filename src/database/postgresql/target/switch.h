// SPDX-License-Identifier: Apache-2.0
// The switch from the old database to the staged one, by renaming both in one transaction.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "database/postgresql/target/database_settings.h"
#include "database/postgresql/target/maintenance.h"

namespace stillpoint::database::postgresql {

// Begins with the fence: the old database is renamed, and the transaction left open. Until it ends,
// whoever wants to connect waits; when we die or take longer than a minute, the server undoes it.
class Switch {
 public:
  // `busy`, naming them, while others use the old database, unless their sessions are to be cut.
  static Result<std::unique_ptr<Switch>> fence(Maintenance& server, bool force);

  // Puts the staged database in its place, with these settings; nobody may be connected to it.
  // Returns the name of the old one, empty where there was none.
  Result<std::string> swap(Maintenance& server, const FoundDatabase& staged,
                           const DatabaseSettings& settings);
  // Of the old database, as they were at the fence.
  const std::optional<DatabaseSettings>& old_settings() const { return old_settings_; }

 private:
  explicit Switch(Connection session) : session_(std::move(session)) {}
  Result<void> rename_old(Maintenance& server, bool force);

  Connection session_;
  std::string kept_;
  std::optional<DatabaseSettings> old_settings_;
};

// What this session commits lasts, whatever the server's configuration is.
Result<void> make_lasting(Connection& session);
// Opens the transaction of a switch: it lasts, and holds nobody up for long, also if we freeze.
Result<void> begin_switch(Connection& session);
// A name for the old database that nothing has yet.
Result<std::string> free_kept_name(Maintenance& server);
// `busy`, naming them, while sessions or prepared transactions are in a database; those that are
// about to end are waited for.
Result<void> refuse_users(Maintenance& server, const std::string& name);
Result<void> refuse_prepared(Maintenance& server, const std::string& name);
// Commits the session's transaction, after which `in_place` has its name. Where the connection is
// cut in that moment, another one finds out whether it was made.
Result<void> commit_switch(Maintenance& server, Connection& session, const FoundDatabase& in_place,
                           const std::string& kept);

}  // namespace stillpoint::database::postgresql

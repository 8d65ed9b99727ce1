// SPDX-License-Identifier: Apache-2.0
// The switch from the old database to the staged one, by renaming both in one transaction.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "database/postgresql/database_settings.h"
#include "database/postgresql/maintenance.h"

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
  Result<void> set_limits();
  Result<void> rename_old(Maintenance& server, bool force);
  Result<void> commit(Maintenance& server, const FoundDatabase& staged);

  Connection session_;
  std::string kept_;
  std::optional<DatabaseSettings> old_settings_;
};

}  // namespace stillpoint::database::postgresql

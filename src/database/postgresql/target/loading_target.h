// SPDX-License-Identifier: Apache-2.0
// What all ways to restore have in common: a server, and a loader that takes the parts.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "database/postgresql/target/loader.h"
#include "database/postgresql/target/maintenance.h"
#include "database/target.h"

namespace stillpoint::database::postgresql {

class LoadingTarget : public Target {
 public:
  explicit LoadingTarget(Address address, const RestoreOptions& options = {})
      : address_(std::move(address)), options_(options) {}

  Result<Existing> inspect() override;
  unsigned writers() const override { return loader_ ? loader_->writers() : 1; }
  bool wants(const std::string& path) const override { return loader_ && loader_->wants(path); }
  Result<std::unique_ptr<StagedPart>> stage(const std::string& path, std::uint64_t bytes,
                                            std::stop_token stop) override;
  Result<void> complete(std::stop_token stop) override;
  Result<void> verify(std::stop_token stop) override;

 protected:
  // Sees to it that there is a session.
  Result<void> connect(const std::stop_token& stop = {});
  std::string doing() const;  // "restore to database bank on db1:5432"
  // Until no restore is at work in it any more; `busy` where that takes too long.
  Result<void> wait_for_dead(const FoundDatabase& database, const std::stop_token& stop);

  const Address address_;
  const RestoreOptions options_;
  std::optional<Maintenance> server_;
  std::optional<Loader> loader_;
};

// Refuses a backup of a newer server than this.
Result<void> check_version(Maintenance& server, const Content& content);
// Refuses a backup that names roles or tablespaces which the server lacks.
Result<void> check_names(Maintenance& server, const BackupSchema& schema,
                         const DatabaseSettings& settings);

}  // namespace stillpoint::database::postgresql

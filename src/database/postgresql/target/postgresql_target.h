// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "database/postgresql/target/loading_target.h"
#include "database/postgresql/target/staging.h"
#include "database/postgresql/target/switch.h"
#include "database/target.h"

namespace stillpoint::database::postgresql {

// A whole database: staged beside the existing one, and renamed into its place.
class PostgresqlTarget final : public LoadingTarget {
 public:
  using LoadingTarget::LoadingTarget;
  ~PostgresqlTarget() override;

  Result<void> prepare(const Content& content, std::stop_token stop) override;
  bool wants(const std::string& path) const override;
  Result<void> complete(std::stop_token stop) override;
  Result<void> verify(std::stop_token stop) override;
  Result<void> fence() override;
  Result<std::string> swap() override;
  Result<void> unfence() override;
  Result<void> discard() override;
  Result<std::string> hand_over() override;

 private:
  Result<void> find_dead(const Content& content, const std::stop_token& stop);
  Result<Staging*> lay_out(const std::stop_token& stop);
  Result<void> create_staged(const DatabaseSettings& settings, const std::stop_token& stop);
  Result<void> try_settings(DatabaseSettings& settings);
  Result<DatabaseSettings> settings_wanted();
  Result<DatabaseSettings> settings_of(const std::optional<DatabaseSettings>& old);
  Result<void> mark_ready();

  std::string staged_;  // the staging database's name; empty: there is none
  StagingMark mark_;
  std::unique_ptr<Staging> staging_;
  std::unique_ptr<Switch> switch_;
};

// The target that the options ask for.
Result<std::unique_ptr<Target>> open_target(const Address& address, const RestoreOptions& options);
}  // namespace stillpoint::database::postgresql

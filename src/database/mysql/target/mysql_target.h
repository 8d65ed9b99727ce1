// SPDX-License-Identifier: Apache-2.0
// Whole schemas: staged beside the existing ones, and put in their place table by table, in one
// RENAME; or in place, into schemas that are empty.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "database/mysql/target/loader.h"
#include "database/mysql/target/server.h"
#include "database/mysql/target/staging.h"
#include "database/mysql/target/switch.h"
#include "database/target.h"

namespace stillpoint::database::mysql {

// What all ways to restore have in common: a server, and a loader that takes the parts.
class LoadingTarget : public Target {
 public:
  explicit LoadingTarget(Address address, RestoreOptions options = {})
      : address_(std::move(address)), options_(std::move(options)) {}

  Result<Existing> inspect() override;
  unsigned writers() const override { return loader_ ? loader_->writers() : 1; }
  bool wants(const std::string& path) const override { return loader_ && loader_->wants(path); }
  Result<std::unique_ptr<StagedPart>> stage(const std::string& path, std::uint64_t bytes,
                                            std::stop_token stop) override;

 protected:
  // Sees to it that there is a session.
  Result<void> connect(const std::stop_token& stop = {});
  std::string doing() const;

  const Address address_;
  const RestoreOptions options_;
  std::optional<RestoreServer> server_;
  std::optional<Loader> loader_;
};

class MysqlTarget final : public LoadingTarget {
 public:
  using LoadingTarget::LoadingTarget;
  ~MysqlTarget() override;

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
  bool ready() const { return staging_ && staging_->mark().ready; }
  Result<void> find_dead(const Content& content, const std::stop_token& stop);
  Result<void> look_into(const StagedRestore& found, const Content& content,
                         const std::stop_token& stop);
  Result<void> check_places();
  Result<Staging*> lay_out(const std::stop_token& stop);
  Result<void> check_rights(const std::stop_token& stop);
  Result<SwitchPlan> plan_of_switch();

  std::vector<Place> places_;
  Definers old_definers_;
  std::unique_ptr<Staging> staging_;
  std::unique_ptr<Switch> switch_;
};

// The target that the options ask for.
Result<std::unique_ptr<Target>> open_target(const Address& address, const RestoreOptions& options);

}  // namespace stillpoint::database::mysql

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "database/postgresql/target/loading_target.h"
#include "database/postgresql/target/staging.h"
#include "database/postgresql/target/table_builder.h"

namespace stillpoint::database::postgresql {

// Single tables, added to a database that exists. They are made in a schema of ours, and put in
// their places in one transaction.
class TableTarget final : public LoadingTarget {
 public:
  using LoadingTarget::LoadingTarget;
  ~TableTarget() override;

  Result<void> prepare(const Content& content, std::stop_token stop) override;
  Result<void> complete(std::stop_token stop) override;
  Result<void> fence() override;
  Result<std::string> swap() override;
  Result<void> unfence() override { return {}; }
  Result<void> discard() override;

 private:
  Result<void> look_for_dead(const FoundDatabase& database, const std::stop_token& stop);
  Result<Staging*> lay_out(const std::stop_token& stop);
  Result<std::vector<TableBuilder>> builders_of(Connection& session) const;
  Result<void> put_in_place();
  Result<void> commit(Connection& session);

  StagingMark mark_;
  std::vector<ChosenTable> chosen_;
  std::vector<TableDefinition> definitions_;
  std::string token_;  // of the staging schema
  std::vector<TableBuilder> builders_;
  std::unique_ptr<Staging> staging_;
};

}  // namespace stillpoint::database::postgresql

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "database/postgresql/target/loading_target.h"
#include "database/postgresql/target/staging.h"

namespace stillpoint::database::postgresql {

// An existing, empty database that is filled where it is: for those who may not make databases.
// Its owner, privileges and settings stay. Until swap() a schema of ours says that it is not
// complete.
class InPlaceTarget final : public LoadingTarget {
 public:
  using LoadingTarget::LoadingTarget;
  ~InPlaceTarget() override;

  Result<void> prepare(const Content& content, std::stop_token stop) override;
  Result<void> fence() override { return {}; }
  Result<std::string> swap() override;
  Result<void> unfence() override { return {}; }
  Result<void> discard() override;

 private:
  Result<void> look_into(const FoundDatabase& database, const Content& content,
                         const std::stop_token& stop);
  Result<Staging*> lay_out(const std::stop_token& stop);

  StagingMark mark_;
  std::unique_ptr<Staging> staging_;
};

}  // namespace stillpoint::database::postgresql

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "database/mysql/target/mysql_target.h"
#include "database/mysql/target/table_choice.h"

namespace stillpoint::database::mysql {

// Single tables and partitions, added to schemas that exist. They are made in a schema of ours; all
// tables get their names in one RENAME, and each partition is exchanged with an empty one.
class TableTarget final : public LoadingTarget {
 public:
  using LoadingTarget::LoadingTarget;
  ~TableTarget() override;

  Result<void> prepare(const Content& content, std::stop_token stop) override;
  Result<void> complete(std::stop_token stop) override;
  Result<void> verify(std::stop_token stop) override;
  Result<void> fence() override;
  Result<std::string> swap() override;
  Result<void> unfence() override { return {}; }
  Result<void> discard() override;

 private:
  Result<Staging*> lay_out(const std::stop_token& stop);
  void note_what_is_missing(const StoredTable& table) const;
  Result<void> exchange(const ChosenTable& chosen, const std::string& staged);
  std::string staged_name(std::size_t number) const;

  std::vector<ChosenTable> chosen_;
  std::vector<StoredTable> stored_;  // one for each of them, with its parts only
  std::unique_ptr<Staging> staging_;
};

}  // namespace stillpoint::database::mysql

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "database/sqlite/file_switchover.h"
#include "database/target.h"

namespace stillpoint::database::sqlite {

// A database file to be put in place of `path`.
class SqliteTarget final : public Target {
 public:
  explicit SqliteTarget(const std::string& path, const RestoreOptions& options = {});
  ~SqliteTarget() override;

  Result<Existing> inspect() override;
  Result<void> prepare(const Content& content, std::stop_token stop) override;
  unsigned writers() const override { return 1; }
  bool wants(const std::string& path) const override;
  Result<std::unique_ptr<StagedPart>> stage(const std::string& path, std::uint64_t bytes,
                                            std::stop_token stop) override;
  Result<void> complete(std::stop_token) override { return {}; }
  Result<void> verify(std::stop_token stop) override;
  Result<void> fence() override;
  Result<std::string> swap() override;
  Result<void> unfence() override;
  Result<void> discard() override;
  Result<std::string> hand_over() override;

 private:
  Result<bool> check_path() const;
  std::string folder() const;

  const RestoreOptions options_;
  std::vector<Object> expected_;
  std::string path_;    // with symbolic links followed: the file that is replaced
  std::string staged_;  // empty: nothing is staged
  std::optional<FileSwitchover> switch_;
};

Result<std::unique_ptr<Target>> open_target(const Address& address, const RestoreOptions& options);

}  // namespace stillpoint::database::sqlite

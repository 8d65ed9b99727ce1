// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/file.h"
#include "database/target.h"

namespace stillpoint::database::sqlite {

// A database file to be put in place of `path`. While the fence holds the old file's lock, that
// file is only touched through SQLite (see SqliteDatabase) or by name: stat, rename.
class SqliteTarget final : public Target {
 public:
  explicit SqliteTarget(const std::string& path);
  ~SqliteTarget() override;

  Result<Existing> inspect() override;
  Result<void> prepare(std::uint64_t bytes) override;
  Result<std::unique_ptr<StagedPart>> stage(const std::string& path, std::uint64_t bytes) override;
  Result<void> verify(const std::vector<Object>& expected, std::stop_token stop) override;
  Result<void> fence() override;
  Result<std::string> swap() override;
  Result<void> unfence() override;
  Result<void> discard() override;

 private:
  Result<bool> check_path() const;
  Result<void> refuse_users() const;
  Result<void> settle_old() const;
  void remove_left_behind() const;
  std::string folder() const;

  std::string path_;    // with symbolic links followed: the file that is replaced
  std::string staged_;  // empty: nothing is staged
  base::File lock_;     // on the old file
  bool fenced_ = false;
};

Result<std::unique_ptr<Target>> open_target(std::string_view url);

}  // namespace stillpoint::database::sqlite

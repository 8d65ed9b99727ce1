// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/stat.h>

#include "database/database.h"
#include "database/sqlite/connection.h"

namespace stillpoint::database::sqlite {

// POSIX locks of a process vanish when it closes any descriptor of the file: from prepare() on, the
// file is only touched through SQLite, which knows that.
class SqliteDatabase final : public Database {
 public:
  explicit SqliteDatabase(std::string path) : path_(std::move(path)) {}
  ~SqliteDatabase() override;

  std::string kind() const override { return "sqlite"; }
  std::string url() const override { return "sqlite://" + path_; }
  Result<void> prepare(std::stop_token stop) override;
  Capabilities capabilities() const override;
  std::vector<Setting> settings() const override { return settings_; }
  std::uint64_t bytes_estimate() const override;
  std::vector<std::string> warnings() const override;
  Result<std::string> write_mark() override;
  Result<std::unique_ptr<Hold>> prepare_hold(const std::vector<std::string>& tables,
                                             base::Duration hold_max) override;
  std::string table_name(const std::string& /*schema*/, const std::string& table) const override {
    return table;
  }
  Result<std::vector<Values>> look_up(const std::string& table,
                                      const std::vector<std::string>& columns,
                                      std::size_t rows_max) override;
  Result<void> watch(std::vector<Watch> watches) override;
  Result<void> open(base::Deadline deadline) override;
  Result<RestorePoint> point(const Window& window) override;
  Result<std::vector<Object>> objects() override;
  Result<Receipt> read(const Part& part, Sink& sink, std::stop_token stop) override;
  Result<void> count(std::vector<Object>& objects, std::stop_token stop) override;

 private:
  Result<void> check_file() const;
  Result<Connection> connect() const;
  Result<void> read_settings();
  Result<void> check_columns(const std::string& table, const std::vector<std::string>& columns);
  std::string data_part() const;
  std::string doing(std::string_view what) const { return std::string(what) + " " + path_; }

  std::string path_;
  std::optional<struct stat> log_found_;  // the write-ahead log before we came
  std::optional<Connection> marks_;
  std::optional<Connection> snapshot_;
  std::vector<Watch> watches_;
  std::vector<Setting> settings_;
  bool wal_ = false;
};

Result<std::unique_ptr<Database>> open_database(const Address& address, const ReadOptions& options);

}  // namespace stillpoint::database::sqlite

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <sqlite3.h>

#include "base/clock.h"
#include "base/result.h"
#include "database/watch.h"

namespace stillpoint::database::sqlite {

inline constexpr std::chrono::seconds lock_wait{5};

// The error of an SQLite result code; `file` is whose users are named when it is locked.
Error sqlite_error(int code, const std::string& text, const std::string& file);

// One row of a result, valid during the visit.
class Row {
 public:
  explicit Row(sqlite3_stmt* statement) : statement_(statement) {}
  std::int64_t number(int column) const { return sqlite3_column_int64(statement_, column); }
  std::string text(int column) const;
  std::vector<Value> values(std::size_t count) const;  // the first ones, as texts

 private:
  sqlite3_stmt* statement_;
};

class Connection {
 public:
  using Visit = std::function<Result<void>(const Row&)>;

  // `name` is an absolute path or a "file:" URI. Nothing is read or locked yet.
  static Result<Connection> open(const std::string& name, int flags, const char* vfs = nullptr);
  sqlite3* handle() const { return handle_.get(); }

  // How long the locks of others are waited for: lock_wait from each call on, unless limited.
  void limit_waits(base::Deadline deadline);
  // A stop request ends waits and statements.
  void obey(std::stop_token stop);
  // At closing, leaves a write-ahead log as it is instead of moving it into the database.
  void keep_log();
  // Where the database needs collations of its application: whole tables are read, nothing is
  // compared, so that any order does.
  void allow_unknown_collations();

  Result<void> execute(const std::string& sql);
  Result<void> for_each(const std::string& sql, const Visit& visit);
  Result<std::int64_t> number(const std::string& sql);  // first column of the first row
  Result<std::string> text(const std::string& sql);
  Error error(int code) const;

 private:
  struct Patience {
    std::optional<base::Deadline> limit;
    std::stop_token stop;
    std::chrono::steady_clock::time_point began;
  };
  struct Closer {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };

  Connection() : patience_(std::make_unique<Patience>()) {}
  static int wait(void* patience, int count);
  static int stop_requested(void* patience);

  std::unique_ptr<Patience> patience_;  // outlives the handle, whose callbacks use it
  std::unique_ptr<sqlite3, Closer> handle_;
};

}  // namespace stillpoint::database::sqlite

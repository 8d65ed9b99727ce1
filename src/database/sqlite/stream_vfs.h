// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include <sqlite3.h>

#include "base/result.h"
#include "database/sqlite/page_stream.h"

namespace stillpoint::database::sqlite {

// A file system for SQLite with one database file, empty and write-only: what is written goes to a
// PageStream. Known to SQLite under name() as long as it lives; connections must end before it.
class StreamVfs {
 public:
  explicit StreamVfs(PageStream& stream);
  ~StreamVfs();
  StreamVfs(const StreamVfs&) = delete;
  StreamVfs& operator=(const StreamVfs&) = delete;

  const char* name() const { return name_.c_str(); }
  // Why a write failed; SQLite itself only knows that it did.
  std::optional<Error>& error() { return error_; }
  int write(const void* bytes, int size, sqlite3_int64 offset);
  sqlite3_int64 size() const { return size_; }

 private:
  PageStream& stream_;
  std::string name_;
  sqlite3_vfs vfs_ = {};
  std::optional<Error> error_;
  sqlite3_int64 size_ = 0;
};

}  // namespace stillpoint::database::sqlite

// SPDX-License-Identifier: Apache-2.0
// What the tests of SQLite databases share.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include <gtest/gtest.h>
#include <sqlite3.h>

#include "database/sqlite/sqlite_database.h"
#include "database/testing.h"

namespace stillpoint::database::sqlite::testing {

using namespace database::testing;

// A folder that goes with the test.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "stillpoint-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }
  // Every file with its bytes; shared-memory indexes without, since readers take part in them.
  std::map<std::string, std::string> files() const {
    std::map<std::string, std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      const std::string name = entry.path().filename().string();
      std::ifstream in(entry.path(), std::ios::binary);
      found[name] = name.ends_with("-shm") ? "" : std::string(std::istreambuf_iterator(in), {});
    }
    return found;
  }

 private:
  std::string path_;
};

// Somebody else's connection.
class Client {
 public:
  explicit Client(const std::string& path) {
    sqlite3_open(path.c_str(), &handle_);
    sqlite3_busy_timeout(handle_, 5000);
  }
  ~Client() { sqlite3_close(handle_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  void patience(int milliseconds) { sqlite3_busy_timeout(handle_, milliseconds); }
  bool run(const std::string& sql) {
    return sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK;
  }
  // All values of all rows, one line a row.
  std::string ask(const std::string& sql) {
    std::string out;
    const auto add = [](void* text, int columns, char** values, char**) {
      for (int i = 0; i < columns; ++i) {
        *static_cast<std::string*>(text) += values[i] == nullptr ? "NULL" : values[i];
        *static_cast<std::string*>(text) += i + 1 < columns ? '|' : '\n';
      }
      return 0;
    };
    char* error = nullptr;
    sqlite3_exec(handle_, sql.c_str(), add, &out, &error);
    if (error != nullptr) out += std::string("error: ") + error;
    sqlite3_free(error);
    if (!out.empty() && out.back() == '\n') out.pop_back();
    return out;
  }
  sqlite3* handle() { return handle_; }

 private:
  sqlite3* handle_ = nullptr;
};

inline std::string ask(const std::string& path, const std::string& sql) {
  return Client(path).ask(sql);
}

}  // namespace stillpoint::database::sqlite::testing

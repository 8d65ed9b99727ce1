// SPDX-License-Identifier: Apache-2.0
// What the tests of this module share.
#pragma once

#include <array>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <string>

#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include "database/database.h"
#include "database/target.h"

namespace stillpoint::database::sqlite::testing {

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

// Another process. SQLite's locks are the process's own and its state does not survive a fork: make
// children while this process has the database closed.
class Child {
 public:
  explicit Child(const std::function<void()>& work) {
    if (::pipe(pipes_.ready.data()) != 0 || ::pipe(pipes_.go.data()) != 0) std::abort();
    child_ = ::fork();
    if (child_ != 0) return;
    in_child() = pipes_;
    work();
    ::_exit(0);
  }
  ~Child() { kill(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // Called in the child: from here on the parent goes on.
  static void ready() { (void)!::write(in_child().ready[1], "x", 1); }
  [[noreturn]] static void ready_and_sleep() {
    ready();
    for (;;) ::pause();
  }
  // Called in the child: waits for the parent's go().
  static void wait_for_go() { wait_for_byte(in_child().go[0]); }

  void go() { (void)!::write(pipes_.go[1], "x", 1); }
  void wait_until_ready() { wait_for_byte(pipes_.ready[0]); }
  void kill() {
    if (child_ == 0) return;
    ::kill(child_, SIGKILL);
    wait();
  }
  int wait() {
    int status = 0;
    ::waitpid(child_, &status, 0);
    child_ = 0;
    for (const auto& pipe : {pipes_.ready, pipes_.go}) {
      for (const int end : pipe) ::close(end);
    }
    return status;
  }
  std::string id() const { return std::to_string(child_); }

 private:
  struct Pipes {
    std::array<int, 2> ready = {};
    std::array<int, 2> go = {};
  };
  static Pipes& in_child() {
    static Pipes pipes;
    return pipes;
  }
  static void wait_for_byte(int pipe) {
    char byte = 0;
    (void)!::read(pipe, &byte, 1);
  }

  Pipes pipes_;
  pid_t child_ = 0;
};

// Keeps the pieces and sees whether they cover every byte once.
class MemorySink : public Sink {
 public:
  Result<void> write(std::uint64_t offset, ByteView bytes) override {
    if (during) during();
    EXPECT_FALSE(bytes.empty());
    EXPECT_TRUE(pieces_.emplace(offset, base::text_of(bytes)).second) << offset;
    return {};
  }
  std::string joined() const {
    std::string all;
    for (const auto& [offset, bytes] : pieces_) {
      EXPECT_EQ(offset, all.size());
      all += bytes;
    }
    return all;
  }
  std::size_t pieces() const { return pieces_.size(); }
  std::function<void()> during;

 private:
  std::map<std::uint64_t, std::string> pieces_;
};

inline std::string read_part(Database& database, const Part& part,
                             const std::function<void()>& during = {}) {
  MemorySink sink;
  sink.during = during;
  const auto read = database.read(part, sink, {});
  EXPECT_TRUE(read) << read.error().message;
  return sink.joined();
}

// A backup in memory.
struct Copy {
  std::vector<Object> objects;
  std::map<std::string, std::string> parts;
};

inline Copy copy_of(Database& database, const std::function<void()>& during = {}) {
  Copy copy;
  auto objects = database.objects();
  EXPECT_TRUE(objects) << objects.error().message;
  if (!objects) return copy;
  copy.objects = std::move(*objects);
  for (const Object& object : copy.objects) {
    for (const Part& part : object.parts) {
      copy.parts[part.path] = read_part(database, part, during);
    }
  }
  const auto counted = database.count(copy.objects, {});
  EXPECT_TRUE(counted) << counted.error().message;
  return copy;
}

inline Result<void> stage_all(Target& target, const Copy& copy) {
  std::uint64_t bytes = 0;
  for (const auto& [path, content] : copy.parts) bytes += content.size();
  TRY(target.prepare(bytes));
  for (const auto& [path, content] : copy.parts) {
    auto part = TRY(target.stage(path, content.size()));
    const std::size_t half = content.size() / 2;  // the later half first
    const auto view = base::view_of(content);
    TRY(part->write(half, view.subspan(half)));
    TRY(part->write(0, view.first(half)));
    TRY(part->finish());
  }
  return {};
}

// Everything up to the switch; the name under which the old data is kept.
inline Result<std::string> restore(Target& target, const Copy& copy) {
  TRY(target.inspect());
  TRY(stage_all(target, copy));
  TRY(target.verify(copy.objects, {}));
  TRY(target.fence());
  return target.swap();
}

}  // namespace stillpoint::database::sqlite::testing

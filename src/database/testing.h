// SPDX-License-Identifier: Apache-2.0
// What the tests of all kinds of databases share.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "database/database.h"
#include "database/target.h"

namespace stillpoint::database::testing {

// What a Result says; "ok" without an error.
template <class T>
std::string said(const Result<T>& result) {
  return result ? "ok"
                : std::string(base::name_of(result.error().code)) + ": " + result.error().message +
                      " | " + result.error().advice;
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
  void signal(int number) const { ::kill(child_, number); }
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

// A backup in memory.
struct Copy {
  std::vector<Object> objects;
  std::vector<Setting> settings;
  std::vector<std::string> order;  // of the parts
  std::map<std::string, std::string> parts;
  std::set<std::string> paged;  // those whose pieces may come in any order

  Content content() const {
    Content content{"test", 0, settings, objects, order};
    for (const auto& [path, bytes] : parts) content.bytes += bytes.size();
    return content;
  }
};

inline std::string read_part(Database& database, const Part& part,
                             const std::function<void()>& during = {}, Object* object = nullptr) {
  MemorySink sink;
  sink.during = during;
  const auto read = database.read(part, sink, {});
  EXPECT_TRUE(read) << read.error().message;
  if (read && object != nullptr) object->add(*read);
  return sink.joined();
}

inline Copy copy_of(Database& database, const std::function<void()>& during = {}) {
  Copy copy;
  auto objects = database.objects();
  EXPECT_TRUE(objects) << objects.error().message;
  if (!objects) return copy;
  copy.objects = std::move(*objects);
  copy.settings = database.settings();
  for (Object& object : copy.objects) {
    for (const Part& part : object.parts) {
      copy.parts[part.path] = read_part(database, part, during, &object);
      copy.order.push_back(part.path);
      if (part.layout.page_bytes != 0) copy.paged.insert(part.path);
    }
  }
  const auto counted = database.count(copy.objects, {});
  EXPECT_TRUE(counted) << counted.error().message;
  return copy;
}

// Where pieces may come in any order, the later half comes first.
inline Result<void> stage_part(Target& target, const Copy& copy, const std::string& path) {
  if (!target.wants(path)) return {};
  const auto bytes = base::view_of(copy.parts.at(path));
  const std::size_t half = bytes.size() / 2;
  auto part = TRY(target.stage(path, bytes.size(), {}));
  const bool reversed = copy.paged.contains(path);
  if (reversed) TRY(part->write(half, bytes.subspan(half)));
  if (half > 0) TRY(part->write(0, bytes.first(half)));
  if (!reversed && half < bytes.size()) TRY(part->write(half, bytes.subspan(half)));
  return part->finish();
}

inline Result<void> stage_all(Target& target, const Copy& copy) {
  TRY(target.prepare(copy.content(), {}));
  for (const bool schema : {true, false}) {
    for (const std::string& path : copy.order) {
      if (path.starts_with("schema/") == schema) TRY(stage_part(target, copy, path));
    }
  }
  return target.complete({});
}

// Everything up to the switch; the name under which the old data is kept.
inline Result<std::string> restore(Target& target, const Copy& copy) {
  TRY(target.inspect());
  TRY(stage_all(target, copy));
  TRY(target.verify({}));
  TRY(target.fence());
  return target.swap();
}

}  // namespace stillpoint::database::testing

// SPDX-License-Identifier: Apache-2.0
// A restore is killed before each statement of its switch.
#include <array>
#include <atomic>
#include <cstdlib>
#include <random>
#include <set>
#include <thread>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/random.h"
#include "database/mysql/target/leftovers.h"
#include "database/mysql/target/mysql_target.h"
#include "database/mysql/target/schema_switchover.h"
#include "database/mysql/testing_source.h"

namespace stillpoint::database::mysql {
namespace {

using namespace testing;
using database::testing::Child;
using database::testing::stage_all;
using ::testing::IsEmpty;

// Stands between a client and the server. Once armed, it calls back instead of handing on the n-th
// request.
class Counter {
 public:
  explicit Counter(int port) : port_(port) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    const bool listens =
        ::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
        ::listen(listener_, 64) == 0 &&
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0;
    EXPECT_TRUE(listens);
    own_port_ = ntohs(address.sin_port);
  }
  ~Counter() {
    over_ = true;
    for (std::thread& thread : threads_) thread.join();
    ::close(listener_);
  }
  Counter(const Counter&) = delete;
  Counter& operator=(const Counter&) = delete;
  int port() const { return own_port_; }
  void start() {
    threads_.emplace_back([this] { accept_all(); });
  }
  void arm(int requests, std::function<void()> then) {
    then_ = std::move(then);
    left_ = requests;
  }

 private:
  static sockaddr_in loopback(int port) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    return address;
  }
  bool readable(int one, int other, std::array<pollfd, 2>& ready) const {
    while (!over_) {
      ready = {{{one, POLLIN, 0}, {other, POLLIN, 0}}};
      if (::poll(ready.data(), other < 0 ? 1 : 2, 20) > 0) return true;
    }
    return false;
  }
  void accept_all() {
    std::vector<std::thread> pumps;
    std::array<pollfd, 2> ready;
    while (readable(listener_, -1, ready)) {
      const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (client >= 0) pumps.emplace_back([this, client] { pump(client); });
    }
    for (std::thread& one : pumps) one.join();
  }
  static bool hand_on(int from, int to) {
    std::array<char, 65536> buffer;
    const ssize_t got = ::recv(from, buffer.data(), buffer.size(), 0);
    return got > 0 && ::send(to, buffer.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL) == got;
  }
  void pump(int client) {
    const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(port_);
    bool open = ::connect(server, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    std::array<pollfd, 2> ready;
    while (open && readable(client, server, ready)) {
      if (ready[0].revents != 0) {
        if (left_ > 0 && --left_ == 0) then_();
        open = hand_on(client, server);
      }
      if (open && ready[1].revents != 0) open = hand_on(server, client);
    }
    ::close(client);
    ::close(server);
  }

  int port_;
  int own_port_ = 0;
  int listener_ = -1;
  std::atomic<int> left_ = 0;
  std::atomic<bool> over_ = false;
  std::function<void()> then_;
  std::vector<std::thread> threads_;
};

class MysqlSwitch : public ::testing::Test {
 protected:
  void SetUp() override {
    server_.run(
        "CREATE DATABASE shop CHARACTER SET latin1 COLLATE latin1_bin; USE shop;"
        "CREATE TABLE a(id int PRIMARY KEY, v int); INSERT INTO a VALUES (1, 1);"
        "CREATE TABLE b(id int PRIMARY KEY, v int, CONSTRAINT k FOREIGN KEY (id)"
        " REFERENCES a(id)); INSERT INTO b VALUES (1, 1);"
        "CREATE TABLE log(v int); INSERT INTO log VALUES (1);"
        "CREATE TRIGGER one BEFORE INSERT ON a FOR EACH ROW SET NEW.v = 1;"
        "CREATE TRIGGER other AFTER UPDATE ON log FOR EACH ROW DELETE FROM b;"
        "CREATE VIEW seen AS SELECT a.v AS x, b.v AS y FROM a JOIN b USING (id);"
        "CREATE FUNCTION kind() RETURNS int DETERMINISTIC RETURN 1;"
        "CREATE EVENT late ON SCHEDULE EVERY 1 YEAR STARTS '2037-01-01 00:00:00' DO DO 1");
    copy_ = copy_of(*opened_at(server_.url("shop")));
    new_ = dump("shop");
    make_old();
  }
  // The second generation of the same, with other triggers.
  void make_old() {
    server_.run(
        "USE shop; UPDATE log SET v = 2; DROP TRIGGER other; INSERT INTO b VALUES (1, 2);"
        "UPDATE a SET v = 2; UPDATE b SET v = 2; DROP FUNCTION kind;"
        "CREATE FUNCTION kind() RETURNS int DETERMINISTIC RETURN 2;"
        "CREATE TRIGGER third BEFORE INSERT ON b FOR EACH ROW SET NEW.v = 2;"
        "ALTER DATABASE shop CHARACTER SET utf8mb4 COLLATE utf8mb4_bin");
    old_ = dump("shop");
  }
  std::string dump(const std::string& schema) const {
    std::string text = testing::dump(server_, schema);
    text += server_.value(
        "SELECT default_collation_name FROM information_schema.schemata WHERE"
        " schema_name = " +
        quote_text(schema));
    std::erase(text, '`');
    // MySQL keeps the semicolon behind a body that had another statement after it.
    for (const std::string_view end : {" \n", ";\n"}) {
      for (auto at = text.find(end); is_mysql() && at != std::string::npos; at = text.find(end)) {
        text.erase(at, 1);
      }
    }
    const std::string named = "ALTER DATABASE " + schema + " ";
    for (auto at = text.find(named); at != std::string::npos; at = text.find(named, at + 1)) {
      text.replace(at, named.size(), "ALTER DATABASE shop ");
    }
    return text;
  }
  std::string generation(const std::string& table) const {
    return server_.value("SELECT v FROM shop." + table);
  }
  // Of the tables that clients find.
  std::set<std::string> generations() const {
    std::set<std::string> seen;
    for (const char* table : {"a", "b", "log"}) {
      const std::string found = generation(table);
      if (!found.starts_with("error")) seen.insert(found);
    }
    return seen;
  }
  std::vector<Leftover> left() const {
    const base::Deadline deadline(std::chrono::seconds(10));
    for (;;) {
      auto all = leftovers(server_.address("shop"));
      EXPECT_EQ(said(all), "ok");
      const bool used = all && std::any_of(all->begin(), all->end(), [](const Leftover& one) {
                          return one.in_use && one.what == Leftover::What::staged;
                        });
      if (!used || deadline.passed()) return all ? *all : std::vector<Leftover>();
    }
  }
  // Whether the switch was killed before its n-th statement; else it has ended.
  bool kill_before(int statement) {
    Counter counter(server_.port());
    const std::string url =
        fmt::format("mysql://root@127.0.0.1:{}/shop?ssl-mode=disabled", counter.port());
    Child restorer([&] {
      Child::wait_for_go();
      auto target = open_target({url, {}, {}}, {});
      if (!target || !stage_all(**target, copy_) || !(*target)->verify({})) ::_exit(1);
      if (!(*target)->fence()) ::_exit(2);
      Child::ready();
      Child::wait_for_go();
      ::_exit((*target)->swap() ? 0 : 3);
    });
    const int pid = std::atoi(restorer.id().c_str());
    counter.start();
    restorer.go();
    restorer.wait_until_ready();
    counter.arm(statement, [pid] { ::kill(pid, SIGKILL); });
    restorer.go();
    const int status = restorer.wait();
    EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0) << status;
    return WIFSIGNALED(status);
  }
  // For a switch in steps.
  std::string handed_over() const {
    const auto target = open_target(server_.address("shop"), {}).value();
    EXPECT_EQ(said(stage_all(*target, copy_)), "ok");
    EXPECT_EQ(said(target->verify({})), "ok");
    return target->hand_over().value();
  }
  std::unique_ptr<Switchover> switchover(const std::string& ticket) const {
    return open_switchover(server_.address("shop"), ticket).value();
  }
  using Act = Result<void> (*)(Switchover&);
  static Result<void> forward(Switchover& one) {
    TRY(one.close(false));
    TRY(one.swap());
    return one.open();
  }
  static Result<void> back(Switchover& one) {
    TRY(one.swap_back());
    TRY(one.open());
    return one.discard();
  }
  // Whether the act was killed before its n-th statement; else it has ended.
  bool kill_act(const std::string& ticket, Act act, int statement) const {
    Counter counter(server_.port());
    const std::string url =
        fmt::format("mysql://root@127.0.0.1:{}/shop?ssl-mode=disabled", counter.port());
    Child child([&] {
      Child::wait_for_go();
      const auto one = open_switchover({url, {}, {}}, ticket);
      ::_exit(one && act(**one) ? 0 : 3);
    });
    const int pid = std::atoi(child.id().c_str());
    counter.start();
    counter.arm(statement, [pid] { ::kill(pid, SIGKILL); });
    child.go();
    return WIFSIGNALED(child.wait());
  }
  // What is kept does not run.
  static std::string asleep(std::string dumped) {
    const std::string runs = "PRESERVE ENABLE DO";
    const auto at = dumped.find(runs);
    return at == std::string::npos ? dumped
                                   : dumped.replace(at, runs.size(), "PRESERVE DISABLE DO");
  }
  void drop_kept() {
    for (const Leftover& one : left()) {
      EXPECT_EQ(one.what, Leftover::What::kept) << one.description;
      // Killed by its very last statement, a restore was complete: the next one replaced the new.
      const std::string found = dump(one.name);
      if (found != asleep(new_)) {
        EXPECT_EQ(found, asleep(old_)) << one.name;
      }
      EXPECT_EQ(said(remove_leftover(server_.address("shop"), one)), "ok");
    }
  }

  const Server server_;
  Copy copy_;
  std::string new_;
  std::string old_;
};

TEST_F(MysqlSwitch, AKillBeforeAnyStatementLeavesWhatCanBeCompletedOrUndone) {
  const char* full = std::getenv("STILLPOINT_FULL");
  const bool all = full != nullptr && std::string(full) == "1";
  const std::uint64_t seed = std::random_device()();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  base::Random random(seed);
  int step = 0;
  int undone = 0;
  int completed = 0;
  for (bool killed = true; killed;) {
    step += 1 + static_cast<int>(random.below(all ? 4 : 40));
    killed = kill_before(step);
    SCOPED_TRACE(fmt::format("statement {}", step));
    // Whatever is there is of one generation.
    EXPECT_LE(generations().size(), 1U);
    if (!killed) {
      EXPECT_EQ(dump("shop"), new_);
      break;
    }
    if (random.below(2) == 0) {
      for (const Leftover& one : left()) {
        if (one.what != Leftover::What::staged) continue;
        EXPECT_EQ(said(remove_leftover(server_.address("shop"), one)), "ok");
      }
      const std::string now = dump("shop");
      EXPECT_TRUE(now == old_ || now == new_) << now;
      ++(now == old_ ? undone : completed);
      drop_kept();
      if (now == new_) make_old();
    } else {
      const auto target = open_target(server_.address("shop"), {.resume = true});
      ASSERT_TRUE(target);
      ASSERT_EQ(said(stage_all(**target, copy_)), "ok");
      ASSERT_EQ(said((*target)->verify({})), "ok");
      ASSERT_EQ(said((*target)->fence()), "ok");
      ASSERT_EQ(said((*target)->swap()), "ok");
      EXPECT_EQ(dump("shop"), new_);
      drop_kept();
      make_old();
    }
  }
  EXPECT_GT(step, 60);
  std::printf("%d statements; undone %d, completed %d\n", step, undone, completed);
}

TEST_F(MysqlSwitch, AKillBeforeAnyStatementOfItsStepsLeavesWhatATicketCompletesOrUndoes) {
  const char* full = std::getenv("STILLPOINT_FULL");
  const bool all = full != nullptr && std::string(full) == "1";
  const std::uint64_t seed = std::random_device()();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  base::Random random(seed);
  int step = 0;
  int undone = 0;
  int completed = 0;
  for (bool killed = true; killed;) {
    step += 1 + static_cast<int>(random.below(all ? 4 : 40));
    SCOPED_TRACE(fmt::format("statement {}", step));
    const std::string ticket = handed_over();
    killed = kill_act(ticket, forward, step);
    EXPECT_LE(generations().size(), 1U);
    bool undo = killed && random.below(2) == 0;
    // Who goes on is killed as well.
    kill_act(ticket, undo ? back : forward, 1 + static_cast<int>(random.below(80)));
    EXPECT_LE(generations().size(), 1U);
    if (undo) {
      const auto put_back = back(*switchover(ticket));
      if (!put_back) {
        EXPECT_EQ(put_back.error().code, Errc::invalid) << said(put_back);
        undo = false;
      } else {
        EXPECT_EQ(dump("shop"), old_);
        EXPECT_THAT(left(), IsEmpty());
      }
    }
    if (!undo) {
      EXPECT_EQ(said(forward(*switchover(ticket))), "ok");
      EXPECT_EQ(dump("shop"), new_);
      EXPECT_EQ(back(*switchover(ticket)).error().code, Errc::invalid);
      EXPECT_EQ(dump("shop"), new_);
      drop_kept();
      make_old();
    }
    ++(undo ? undone : completed);
  }
  EXPECT_GT(step, 60);
  std::printf("%d statements; undone %d, completed %d\n", step, undone, completed);
}

TEST_F(MysqlSwitch, WhatHasComeSinceItWasHandedOverIsKeptToo) {
  const std::string ticket = handed_over();
  server_.run("CREATE TABLE shop.late(v int); INSERT INTO shop.late VALUES (7); DROP TABLE shop.b");
  const auto one = switchover(ticket);
  ASSERT_EQ(said(one->close(false)), "ok");
  // An application that makes its tables when it finds none.
  server_.run("CREATE TABLE shop.a(v int); CREATE TABLE shop.log(v int)");
  const auto kept = one->swap();
  ASSERT_EQ(said(kept), "ok");
  ASSERT_EQ(said(one->open()), "ok");
  EXPECT_EQ(dump("shop"), new_);
  EXPECT_EQ(server_.value("SELECT v FROM " + *kept + ".late"), "7");
  EXPECT_EQ(server_.value("SELECT v FROM " + *kept + ".a"), "2");
}

TEST_F(MysqlSwitch, WhatWasDiscardedIsNotSwitchedTo) {
  const std::string ticket = handed_over();
  ASSERT_EQ(said(forward(*switchover(handed_over()))), "ok");
  const std::string before = dump("shop");
  ASSERT_EQ(said(back(*switchover(ticket))), "ok");
  const auto closed = switchover(ticket)->close(false);
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().code, Errc::not_found) << said(closed);
  EXPECT_FALSE(switchover(ticket)->swap());
  EXPECT_EQ(dump("shop"), before);
}

// As a server does that writes its log once a second, and crashes.
TEST_F(MysqlSwitch, ANoteThatTheServerLostIsMissed) {
  const std::string ticket = handed_over();
  auto one = switchover(ticket);
  ASSERT_EQ(said(one->close(false)), "ok");
  ASSERT_EQ(said(one->swap()), "ok");
  const std::string journal = server_.value(
      "SELECT CONCAT(table_schema, '.', table_name) FROM information_schema.tables"
      " WHERE table_name = 'stillpoint_journal'");
  server_.run("UPDATE " + journal + " SET txt = 'cleared' WHERE step = 'state'");
  const auto opened = one->open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::unavailable) << said(opened);
  EXPECT_EQ(generations().size(), 0U);
  one.reset();
  EXPECT_EQ(said(forward(*switchover(ticket))), "ok");
  EXPECT_EQ(dump("shop"), new_);
}

}  // namespace
}  // namespace stillpoint::database::mysql

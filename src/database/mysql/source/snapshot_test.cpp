// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/source/snapshot.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <random>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "database/mysql/testing.h"
#include "database/testing.h"

namespace stillpoint::database::mysql {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::Server;

using database::testing::said;

constexpr int tables = 3;
constexpr int accounts = 40;

// Money that moves between three tables, by several clients at once, until it is told to stop.
class Bank {
 public:
  Bank(const Server& server, int clients) : server_(server) {
    std::string sql = "CREATE DATABASE bank";
    for (int t = 0; t < tables; ++t) {
      sql += fmt::format(
          "; CREATE TABLE bank.a{}(id int PRIMARY KEY, balance int, changes int)"
          "; INSERT INTO bank.a{} WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
          "SELECT i + 1 FROM n WHERE i < {}) SELECT i, 1000, 0 FROM n",
          t, t, accounts);
    }
    server_.run(sql);
    for (int i = 0; i < clients; ++i) clients_.emplace_back([this, i] { work(i); });
  }
  ~Bank() { stop(); }
  void stop() {
    stopping_ = true;
    clients_.clear();
  }
  std::uint64_t transfers() const { return transfers_; }

  // Everything that a session sees; says so where money is missing.
  static std::string seen_by(Connection& session) {
    std::string all;
    int sum = 0;
    for (int t = 0; t < tables; ++t) {
      const auto rows =
          session.query(fmt::format("SELECT balance, changes FROM bank.a{} ORDER BY id", t));
      if (!rows) return said(rows);
      for (const Row& row : *rows) {
        all += row.text(0) + ":" + row.text(1) + " ";
        sum += static_cast<int>(row.number(0));
      }
    }
    return sum == tables * accounts * 1000 ? all : "money is missing: " + all;
  }

 private:
  void work(int number) {
    Connection session = server_.session();
    std::minstd_rand random(static_cast<unsigned>(number + 1));
    while (!stopping_) {
      const auto any = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
      const auto change = [&](int by) {
        return fmt::format(
            "UPDATE bank.a{} SET balance = balance + {}, changes = changes + 1 "
            "WHERE id = {}",
            any(tables), by, 1 + any(accounts));
      };
      // A deadlock undoes the whole of it.
      const auto done =
          session.execute("START TRANSACTION; " + change(-7) + "; " + change(7) + "; COMMIT");
      if (done) {
        ++transfers_;
      } else {
        (void)session.execute("ROLLBACK");
      }
    }
  }

  const Server& server_;
  std::atomic<bool> stopping_ = false;
  std::atomic<std::uint64_t> transfers_ = 0;
  std::vector<std::jthread> clients_;
};

std::vector<std::unique_ptr<Connection>> sessions_of(const Server& server, unsigned count) {
  std::vector<std::unique_ptr<Connection>> sessions;
  for (unsigned i = 0; i < count; ++i) {
    sessions.push_back(std::make_unique<Connection>(server.session()));
  }
  return sessions;
}

struct Figures {
  std::vector<double> milliseconds_open = {};
  std::vector<double> milliseconds_held = {};
  std::vector<unsigned> rounds = {};
  std::map<std::string, int> ways = {};
  int fewer = 0;
  int doubtful = 0;  // not confirmed

  static std::string spread(auto values) {
    if (values.empty()) return "-";
    std::sort(values.begin(), values.end());
    return fmt::format("{:.2f}/{:.2f}/{:.2f}", static_cast<double>(values.front()),
                       static_cast<double>(values[values.size() / 2]),
                       static_cast<double>(values.back()));
  }
};

// Opens many snapshots under load; in each, all sessions see the same, and no money is missing.
Figures open_many(const Server& server, unsigned readers, const std::vector<Way>& ways, int rounds,
                  int clients) {
  Figures figures;
  Bank bank(server, clients);
  Connection control = server.session();
  const ServerIdentity identity = identify_server(control).value();
  auto sessions = sessions_of(server, readers);
  const auto began = std::chrono::steady_clock::now();
  const std::uint64_t transfers = bank.transfers();
  for (int round = 0; round < rounds; ++round) {
    const auto start = std::chrono::steady_clock::now();
    auto opened = open_snapshot(sessions, control, identity, ways, base::Deadline(seconds(10)));
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    EXPECT_EQ(said(opened), "ok");
    if (!opened) break;
    figures.milliseconds_open.push_back(took.count());
    figures.milliseconds_held.push_back(
        std::chrono::duration<double, std::milli>(opened->held).count());
    figures.rounds.push_back(opened->rounds);
    ++figures.ways[std::string(name_of(opened->way))];
    if (opened->sessions < readers) ++figures.fewer;
    const auto confirmed = confirm_snapshot(sessions, identity, *opened);
    if (!confirmed) {  // the caller tries again
      EXPECT_EQ(confirmed.error().code, Errc::busy) << said(confirmed);
      ++figures.doubtful;
      for (auto& session : sessions) EXPECT_EQ(said(session->execute("COMMIT")), "ok");
      continue;
    }
    const std::string first = Bank::seen_by(*sessions[0]);
    EXPECT_THAT(first, Not(HasSubstr("missing")));
    for (unsigned i = 1; i < opened->sessions; ++i) EXPECT_EQ(Bank::seen_by(*sessions[i]), first);
    for (auto& session : sessions) EXPECT_EQ(said(session->execute("COMMIT")), "ok");
  }
  const std::chrono::duration<double> all = std::chrono::steady_clock::now() - began;
  std::string text;
  for (const auto& [way, count] : figures.ways) text += fmt::format(" {}:{}", way, count);
  std::printf(
      "%u sessions, %d clients, %.0f transfers/s: open %s ms, rounds %s, held %s ms,%s; "
      "fewer sessions in %d of %d, not confirmed %d\n",
      readers, clients, static_cast<double>(bank.transfers() - transfers) / all.count(),
      Figures::spread(figures.milliseconds_open).c_str(), Figures::spread(figures.rounds).c_str(),
      Figures::spread(figures.milliseconds_held).c_str(), text.c_str(), figures.fewer, rounds,
      figures.doubtful);
  return figures;
}

std::vector<Way> usual_ways() {
  if (testing::is_mysql()) return {Way::read_lock, Way::one};
  return {Way::position, Way::backup_stage, Way::one};
}

TEST(MysqlSnapshot, IsOneForAllSessionsWhileOthersWrite) {
  const Server server;
  const Figures figures = open_many(server, 4, usual_ways(), 60, 4);
  EXPECT_EQ(figures.fewer, 0);
  EXPECT_EQ(figures.doubtful, 0);
}

TEST(MysqlSnapshot, IsOneForAllSessionsWithoutABinaryLog) {
  const Server server({.binary_log = false});
  Connection session = server.session();
  const ServerIdentity identity = identify_server(session).value();
  EXPECT_FALSE(identity.log_sees_all);
  const std::vector<Way> ways = ways_for(identity, read_grants(session).value());
  const Way gentlest = testing::is_mysql() ? Way::read_lock : Way::backup_stage;
  EXPECT_THAT(ways, ElementsAre(gentlest, Way::one));
  const Figures figures = open_many(server, 4, ways, 60, 4);
  EXPECT_EQ(figures.ways.size(), 1U);
  EXPECT_EQ(figures.fewer, 0);
}

TEST(MysqlSnapshot, IsOneForAllSessionsUnderAReadLock) {
  const Server server({.binary_log = false});
  const Figures figures = open_many(server, 3, {Way::read_lock, Way::one}, 30, 4);
  EXPECT_EQ(figures.ways.count("read_lock"), 1U);
}

// MariaDB mixes up the answers of those who ask for their place in its log at the same time.
TEST(MysqlSnapshot, IsOneForAllSessionsWhileOthersAskForTheStatus) {
  const Server server;
  std::atomic<bool> done = false;
  std::vector<std::jthread> askers;
  for (int i = 0; i < 2; ++i) {
    askers.emplace_back([&] {
      Connection session = server.session();
      while (!done) EXPECT_EQ(said(session.query("SHOW GLOBAL STATUS LIKE 'binlog%'")), "ok");
    });
  }
  const Figures figures = open_many(server, 3, {usual_ways()[0], Way::one}, 60, 1);
  EXPECT_EQ(figures.ways.count(std::string(name_of(usual_ways()[0]))), 1U);
  EXPECT_LE(figures.doubtful, 30);
  done = true;
}

// Without a right to any lock, those sessions go on that happen to agree.
TEST(MysqlSnapshot, IsReadByFewerWhereNoneCanBeShownToBeOne) {
  const Server server;
  open_many(server, 8, {usual_ways()[0], Way::one}, 20, 6);
  const Server without_log({.binary_log = false});
  const Figures alone = open_many(without_log, 3, {Way::one}, 5, 2);
  EXPECT_EQ(alone.fewer, 5);
}

// Everybody who writes would queue behind FLUSH TABLES, which would queue behind the long one.
TEST(MysqlSnapshot, GivesUpItsLockRatherThanStallTheServer) {
  const Server server({.binary_log = false});
  server.run(
      "CREATE DATABASE s; CREATE TABLE s.t(i int PRIMARY KEY, x int);"
      "INSERT INTO s.t VALUES(1, 0), (2, 0)");
  std::jthread long_one([&] {
    Connection session = server.session();
    (void)session.execute("UPDATE s.t SET x = SLEEP(8) WHERE i = 1");
  });
  std::atomic<bool> done = false;
  double longest = 0;
  std::jthread writer([&] {
    Connection session = server.session();
    while (!done) {
      const auto start = std::chrono::steady_clock::now();
      EXPECT_EQ(said(session.execute("UPDATE s.t SET x = x + 1 WHERE i = 2")), "ok");
      const std::chrono::duration<double, std::milli> took =
          std::chrono::steady_clock::now() - start;
      longest = std::max(longest, took.count());
      std::this_thread::sleep_for(milliseconds(1));
    }
  });
  Connection control = server.session();
  const ServerIdentity identity = identify_server(control).value();
  auto sessions = sessions_of(server, 2);
  while (server.value("SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE "
                      "'UPDATE s.t SET x = SLEEP%' AND id <> CONNECTION_ID()") == "0") {
  }
  // At first it has not run for long: the lock is tried, and given up in time.
  const auto tried = open_snapshot(sessions, control, identity, {Way::read_lock, Way::one},
                                   base::Deadline(seconds(10)));
  ASSERT_EQ(said(tried), "ok");
  EXPECT_EQ(tried->way, Way::one);
  EXPECT_EQ(tried->sessions, 1U);
  EXPECT_GE(tried->lock_attempts, 1U);
  // Later it is seen to be a long one: nothing is even tried.
  ASSERT_EQ(said(sessions[0]->execute("COMMIT")), "ok");
  const auto seen = open_snapshot(sessions, control, identity, {Way::read_lock, Way::one},
                                  base::Deadline(seconds(10)));
  ASSERT_EQ(said(seen), "ok");
  EXPECT_EQ(seen->lock_attempts, 0U);
  EXPECT_EQ(seen->sessions, 1U);
  done = true;
  writer.join();
  std::printf("behind a long statement: %u attempts, held %.0f ms, longest write %.0f ms\n",
              tried->lock_attempts, std::chrono::duration<double, std::milli>(tried->held).count(),
              longest);
  EXPECT_LT(longest, 1500);
  EXPECT_EQ(control.value("SELECT 1").value_or("?"), "1");
}

TEST(MysqlSnapshot, LeavesNoLockBehind) {
  const Server server;
  server.run("CREATE DATABASE s; CREATE TABLE s.t(i int)");
  for (const Way way : usual_ways()) {
    Connection control = server.session();
    const ServerIdentity identity = identify_server(control).value();
    auto sessions = sessions_of(server, 2);
    const auto opened =
        open_snapshot(sessions, control, identity, {way, Way::one}, base::Deadline(seconds(10)));
    ASSERT_EQ(said(opened), "ok");
    EXPECT_EQ(opened->way, way);
    server.run("INSERT INTO s.t VALUES(1)");
    server.run("CREATE TABLE s.u(i int)");
    server.run("DROP TABLE s.u");
  }
}

TEST(MysqlSnapshot, KnowsItsPlaceInTheBinaryLog) {
  const Server server;
  server.run("CREATE DATABASE s; CREATE TABLE s.t(i int)");
  Connection control = server.session();
  const ServerIdentity identity = identify_server(control).value();
  EXPECT_TRUE(identity.log_sees_all) << identity.log_doubt;
  auto sessions = sessions_of(server, 2);
  auto opened =
      open_snapshot(sessions, control, identity, usual_ways(), base::Deadline(seconds(10)));
  ASSERT_EQ(said(opened), "ok");
  ASSERT_EQ(said(confirm_snapshot(sessions, identity, *opened)), "ok");
  const std::string place = opened->log_file + ":" + opened->log_position;
  EXPECT_THAT(place, HasSubstr("binlog."));
  if (!identity.mariadb) return;
  EXPECT_EQ(log_end(control).value(), place);
  server.run("INSERT INTO s.t VALUES(1)");
  EXPECT_NE(log_end(control).value(), place);
}

// A transaction that began before the mark and commits after it.
TEST(MysqlSnapshot, TheEndOfTheLogSeesAnOlderTransactionCommit) {
  if (testing::is_mysql()) GTEST_SKIP() << "MySQL's log says nothing of what is visible";
  const Server server;
  server.run("CREATE DATABASE s; CREATE TABLE s.t(i int)");
  Connection control = server.session();
  const ServerIdentity identity = identify_server(control).value();
  Connection older = server.session();
  ASSERT_EQ(said(older.execute("START TRANSACTION; INSERT INTO s.t VALUES(1)")), "ok");
  server.run("INSERT INTO s.t VALUES(2)");
  const std::string before = log_end(control).value();
  EXPECT_EQ(log_end(control).value(), before);
  ASSERT_EQ(said(older.execute("COMMIT")), "ok");
  EXPECT_NE(log_end(control).value(), before);
}

}  // namespace
}  // namespace stillpoint::database::mysql

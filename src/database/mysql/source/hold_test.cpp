// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/source/hold.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "database/mysql/testing_source.h"

namespace stillpoint::database::mysql {
namespace {

using namespace testing;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(MysqlHold, KeepsWritersOffAndLetsThemGo) {
  const Server server;
  server.run(
      "CREATE DATABASE shop; CREATE TABLE shop.state(i int PRIMARY KEY);"
      "CREATE TABLE shop.other(i int)");
  auto database = source_at(server.url("shop"));
  ASSERT_EQ(said(database->prepare({})), "ok");
  std::vector<double> waits;
  for (int round = 0; round < 20; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    auto hold = database->hold_writes({"shop.state"}, base::Deadline(seconds(5)), seconds(5));
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
    waits.push_back(took.count());
    ASSERT_EQ(said(hold), "ok");
    std::atomic<bool> written = false;
    std::jthread writer([&] {
      server.run("INSERT INTO shop.state VALUES (" + std::to_string(round) + ")");
      written = true;
    });
    server.run("INSERT INTO shop.other VALUES (1)");
    EXPECT_EQ(server.value("SELECT COUNT(*) FROM shop.state"), std::to_string(round));
    EXPECT_FALSE(written);
    EXPECT_EQ(said((*hold)->release()), "ok");
    writer.join();
  }
  std::sort(waits.begin(), waits.end());
  std::printf("hold_writes: %.2f/%.2f/%.2f ms\n", waits.front(), waits[waits.size() / 2],
              waits.back());
  // Destruction lets go, too.
  {
    auto hold = database->hold_writes({"shop.state"}, base::Deadline(seconds(5)), seconds(5));
  }
  server.run("SET SESSION lock_wait_timeout = 1; INSERT INTO shop.state VALUES (100)");
}

TEST(MysqlHold, WaitsNoLongerThanItMay) {
  const Server server;
  server.run("CREATE DATABASE shop; CREATE TABLE shop.state(i int PRIMARY KEY)");
  auto database = source_at(server.url("shop"));
  ASSERT_EQ(said(database->prepare({})), "ok");
  Connection other = server.session();
  ASSERT_EQ(said(other.execute("START TRANSACTION; INSERT INTO shop.state VALUES (1)")), "ok");
  const auto began = std::chrono::steady_clock::now();
  const auto hold =
      database->hold_writes({"shop.state"}, base::Deadline(milliseconds(200)), seconds(1));
  const auto took = std::chrono::steady_clock::now() - began;
  EXPECT_LT(took, milliseconds(1500));
  EXPECT_THAT(said(hold), AllOf(HasSubstr("busy: hold writes to shop.state: perhaps in the way: "),
                                HasSubstr("connection " + std::to_string(other.id()) + " (root@")));
  // Nobody waits behind it any more.
  server.run("SET SESSION lock_wait_timeout = 1; INSERT INTO shop.state VALUES (2)");
  EXPECT_EQ(said(other.execute("COMMIT")), "ok");
}

TEST(MysqlHold, EndsByItselfWhenItsHolderHangs) {
  const Server server;
  server.run("CREATE DATABASE shop; CREATE TABLE shop.state(i int PRIMARY KEY)");
  auto database = source_at(server.url("shop"));
  ASSERT_EQ(said(database->prepare({})), "ok");
  auto hold = database->hold_writes({"shop.state"}, base::Deadline(seconds(5)), seconds(2));
  ASSERT_EQ(said(hold), "ok");
  const auto began = std::chrono::steady_clock::now();
  server.run("INSERT INTO shop.state VALUES (1)");
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  std::printf("a writer got in after %.2f s of a hold of at most 2 s\n", took.count());
  EXPECT_LT(took, seconds(4));
  EXPECT_GT(took, milliseconds(1500));
  EXPECT_THAT(said((*hold)->release()), HasSubstr("release the tables:"));
}

TEST(MysqlHold, SaysWhatIsMissing) {
  const Server server;
  server.run(
      "CREATE DATABASE shop; CREATE TABLE shop.state(i int); CREATE VIEW shop.v AS SELECT 1;"
      "CREATE USER b@'127.0.0.1'; GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON shop.* TO "
      "b@'127.0.0.1'");
  server.run(is_mysql() ? "GRANT SHOW_ROUTINE ON *.* TO b@'127.0.0.1'"
                        : "GRANT SELECT ON mysql.proc TO b@'127.0.0.1'");
  auto database = source_at(server.url("shop", "b"));
  ASSERT_EQ(said(database->prepare({})), "ok");
  const auto tried = [&](const std::string& table) {
    return said(database->hold_writes({table}, base::Deadline(seconds(5)), seconds(1)));
  };
  EXPECT_THAT(
      tried("shop.state"),
      AllOf(HasSubstr("denied:"), HasSubstr("GRANT LOCK TABLES ON `shop`.* TO 'b'@'127.0.0.1';")));
  EXPECT_THAT(tried("shop.none"), HasSubstr("not_found:"));
  EXPECT_THAT(tried("shop.v"), HasSubstr("not_found:"));
  EXPECT_THAT(tried("state"), HasSubstr("invalid:"));
  server.run("GRANT LOCK TABLES ON `shop`.* TO 'b'@'127.0.0.1'");
  // A session of MySQL's has the rights that its user had at its beginning.
  database = source_at(server.url("shop", "b"));
  ASSERT_EQ(said(database->prepare({})), "ok");
  EXPECT_EQ(tried("shop.state"), "ok");
}

}  // namespace
}  // namespace stillpoint::database::mysql

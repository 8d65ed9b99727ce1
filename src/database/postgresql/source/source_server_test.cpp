// SPDX-License-Identifier: Apache-2.0
// Standbys, poolers, servers that are full, roles with limits.
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "database/postgresql/source/ranges.h"
#include "database/postgresql/source/source_testing.h"

namespace stillpoint::database::postgresql {
namespace {

using namespace testing;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(PostgresqlStandby, IsReadButHoldsNoWrites) {
  const Server primary({.configuration = {"wal_level = replica"}});
  primary.run(
      "CREATE TABLE public.t AS SELECT i FROM generate_series(1, 1000) i;"
      "CREATE UNLOGGED TABLE public.cache AS SELECT 1 AS i");
  const Server standby({.standby_of = &primary});
  primary.run("INSERT INTO public.t VALUES(4711)");
  ASSERT_TRUE(wait_until(standby, "SELECT count(*) = 1 FROM public.t WHERE i = 4711"));
  auto database = opened(standby);
  EXPECT_FALSE(database->capabilities().hold_writes);
  EXPECT_THAT(said(database->hold_writes({"public.t"}, base::Deadline(seconds(5)), seconds(1))),
              AllOf(StartsWith("unsupported"), HasSubstr("standby")));
  const std::string mark = database->write_mark().value();
  const auto copy = database::testing::copy_of(*database);
  EXPECT_EQ(*find_object(copy.objects, "public.t")->rows, 1001U);
  EXPECT_THAT(database->left_out(), ElementsAre(HasSubstr("public.cache")));
  EXPECT_THAT(base::join(database->warnings(), "\n"),
              AllOf(HasSubstr("standby"), HasSubstr("hot_standby_feedback")));
  EXPECT_THAT(database->point({})->position, HasSubstr(" at 0/"));
  primary.run("INSERT INTO public.t VALUES(4712)");
  ASSERT_TRUE(wait_until(standby, "SELECT count(*) = 1 FROM public.t WHERE i = 4712"));
  EXPECT_NE(database->write_mark().value(), mark);
}

TEST(PostgresqlStandby, IsWaitedForUntilItHasReplayedWhatItReceived) {
  const Server primary;
  primary.run("CREATE TABLE public.t(i int)");
  const Server standby({.standby_of = &primary});
  ASSERT_TRUE(wait_until(standby, "SELECT to_regclass('public.t') IS NOT NULL"));
  standby.run("SELECT pg_wal_replay_pause()");
  primary.run("INSERT INTO public.t VALUES(1)");
  ASSERT_TRUE(wait_until(standby,
                         "SELECT pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn() AND "
                         "pg_get_wal_replay_pause_state() = 'paused'"));
  auto database = source_of(standby);
  EXPECT_THAT(prepared(*database),
              AllOf(StartsWith("unavailable"), HasSubstr("pg_wal_replay_resume")));
  standby.run("SELECT pg_wal_replay_resume()");
  database = source_of(standby);
  EXPECT_EQ(prepared(*database), "ok");
}

TEST(PostgresqlPooler, IsRefused) {
  const std::string program = "/usr/sbin/pgbouncer";
  if (::access(program.c_str(), X_OK) != 0) GTEST_SKIP() << "pgbouncer is not installed";
  const Server server;
  const std::string folder = server.folder();
  std::ofstream(folder + "/users.txt") << "\"postgres\" \"\"\n";
  std::ofstream(folder + "/pgbouncer.ini")
      << "[databases]\n* = host=127.0.0.1 port=" << server.port()
      << " user=postgres\n[pgbouncer]\nlisten_addr =\nlisten_port = 6432\nunix_socket_dir = "
      << folder << "\nauth_type = any\nauth_file = " << folder
      << "/users.txt\npool_mode = transaction\n"
      << "user = postgres\n";
  const pid_t pooler = ::fork();
  if (pooler == 0) {
    ::execl(program.c_str(), program.c_str(), "-q", (folder + "/pgbouncer.ini").c_str(), nullptr);
    ::_exit(127);
  }
  const std::string url = "postgresql://postgres@/postgres?host=" + folder + "&port=6432";
  Result<Connection> through = Connection::connect(Address{url, {}, {}});
  for (const base::Deadline deadline(seconds(20)); !through && !deadline.passed();) {
    std::this_thread::sleep_for(milliseconds(20));
    through = Connection::connect(Address{url, {}, {}});
  }
  EXPECT_EQ(said(through), "ok");
  auto database = open_database(Address{url, {}, {}}, {}).value();
  EXPECT_THAT(prepared(*database), AllOf(StartsWith("unsupported"), HasSubstr("pooler"),
                                         HasSubstr("the server's own host and port")));
  ::kill(pooler, SIGKILL);
  ::waitpid(pooler, nullptr, 0);
}

// The password of the client's key reaches every session and pg_dump, and no command line.
TEST(PostgresqlServer, KnowsUsByACertificateWithAGuardedKey) {
  Server server(
      {.access = {"hostssl all certified 127.0.0.1/32 cert", "host all certified all reject"}});
  const std::string f = server.folder() + "/";
  const std::string make =
      "cd " + f +
      " && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
      "-subj /CN=localhost -keyout data/server.key -out data/server.crt && "
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -passout pass:sesame -days 2 "
      "-subj /CN=certified -keyout client.key -out client.crt && cp client.crt data/root.crt && "
      "chown --reference=data data/server.* data/root.crt && chmod 600 data/server.key client.key";
  ASSERT_EQ(std::system(("(" + make + ") 2>/dev/null").c_str()), 0);
  server.run("CREATE ROLE certified LOGIN SUPERUSER; CREATE TABLE public.t AS SELECT 1 AS i");
  server.run("ALTER SYSTEM SET ssl = on");
  server.run("ALTER SYSTEM SET ssl_ca_file = 'root.crt'");
  server.restart();
  const std::string url = server.url("postgres", "certified") + "?sslmode=require&sslcert=" + f +
                          "client.crt&sslkey=" + f + "client.key&sslpassword=";
  EXPECT_THAT(said(Connection::connect(Address{url + "wrong", {}, {}})), Not(StartsWith("ok")));
  auto database = open_database(Address{url + "sesame", {}, {}}, {}).value();
  EXPECT_THAT(database->url(), Not(HasSubstr("sesame")));
  ASSERT_EQ(prepared(*database), "ok");
  ASSERT_EQ(open_now(*database), "ok");
  const auto copy = database::testing::copy_of(*database);
  EXPECT_THAT(copy.parts.at("schema/pre-data.sql"), HasSubstr("CREATE TABLE public.t"));
  EXPECT_EQ(copy.parts.at("data/public/t/0000"), "1\n");
}

TEST(PostgresqlServer, WithFewConnectionsHasFewReaders) {
  const Server server({.configuration = {"max_connections = 8", "max_wal_senders = 0"}});
  server.run(
      "CREATE TABLE public.t AS SELECT 1 AS i; CREATE ROLE reader LOGIN; "
      "GRANT pg_read_all_data TO reader; ALTER ROLE reader CONNECTION LIMIT 5");
  auto database = open_database(server.address("postgres", "reader"), {.readers = 10}).value();
  ASSERT_EQ(prepared(*database), "ok");
  EXPECT_EQ(database->capabilities().readers, 2U);
  EXPECT_THAT(base::join(database->warnings(), "\n"), HasSubstr("for 2 readers only"));
  ASSERT_EQ(open_now(*database), "ok");
  EXPECT_THAT(database::testing::copy_of(*database).parts,
              ::testing::Contains(::testing::Pair("data/public/t/0000", "1\n")));
}

TEST(PostgresqlServer, TimeoutsOfTheRoleDoNotEndABackup) {
  const Server server;
  server.run(
      "CREATE TABLE public.t AS SELECT i, repeat('x', 1000) FROM generate_series(1, 20000) i;"
      "CREATE ROLE hurried LOGIN SUPERUSER; ALTER ROLE hurried SET statement_timeout = 80;"
      "ALTER ROLE hurried SET idle_in_transaction_session_timeout = 80;"
      "ALTER ROLE hurried SET lock_timeout = 80");
  auto database = open_database(server.address("postgres", "hurried"), {}).value();
  ASSERT_EQ(prepared(*database), "ok");
  ASSERT_EQ(open_now(*database), "ok");
  const auto copy =
      database::testing::copy_of(*database, [] { std::this_thread::sleep_for(milliseconds(20)); });
  EXPECT_EQ(*find_object(copy.objects, "public.t")->rows, 20000U);
}

std::vector<std::uint64_t> starts_of(const Table& table, int version = 150000) {
  std::vector<std::uint64_t> starts;
  const auto ranges = page_ranges(table, version);
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    starts.push_back(ranges[i].first);
    EXPECT_EQ(ranges[i].end.has_value(), i + 1 < ranges.size());
    EXPECT_EQ(ranges[i].end.value_or(0), i + 1 < ranges.size() ? ranges[i + 1].first : 0);
  }
  return starts;
}

TEST(PostgresqlRanges, AreFixedAndFew) {
  Table table;
  EXPECT_THAT(starts_of(table), ElementsAre(0));
  table.pages = 8192;
  table.bytes = 8192 * 8192;
  EXPECT_THAT(starts_of(table), ElementsAre(0));
  table.pages = 8193;
  EXPECT_THAT(starts_of(table), ElementsAre(0, 8192));
  EXPECT_THAT(starts_of(table, 130000), ElementsAre(0));
  table.condition = "WHERE x";
  EXPECT_THAT(starts_of(table), ElementsAre(0));
  table.condition.clear();
  for (const std::uint64_t pages : {64ULL * 8192, 64ULL * 8192 + 1, 1ULL << 30, (1ULL << 32) - 1}) {
    table.pages = pages;
    table.bytes = pages * 8192;
    const auto starts = starts_of(table);
    EXPECT_LE(starts.size(), 64U);
    EXPECT_GE(starts.size(), 32U);
    EXPECT_EQ(starts[1] & (starts[1] - 1), 0U) << "a power of two";
  }
  // 100 GiB of large values on 10,000 pages.
  table.pages = 10'000;
  table.bytes = 100ULL << 30;
  EXPECT_EQ(starts_of(table)[1], 256U);
}

}  // namespace
}  // namespace stillpoint::database::postgresql

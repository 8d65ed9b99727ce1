// SPDX-License-Identifier: Apache-2.0
// What happens to tables while a backup begins, and what a backup leaves behind.
#include <chrono>
#include <sstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "database/postgresql/source/source_testing.h"

namespace stillpoint::database::postgresql {
namespace {

using namespace testing;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// Somebody else's statement, on a thread of its own.
class Other {
 public:
  Other(const Server& server, std::string sql)
      : session_(server.session()),
        thread_([this, sql = std::move(sql)] { outcome_ = said(session_.execute(sql)); }) {}
  std::string outcome() {
    thread_.join();
    return outcome_;
  }

 private:
  Connection session_;
  std::string outcome_;
  std::jthread thread_;
};

std::string lock_waiters(const Server& server) {
  return server.value("SELECT count(*) > 0 FROM pg_locks WHERE NOT granted");
}

const std::string somebody_waits = "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted";

TEST(PostgresqlLocks, ATruncateWaitsUntilTheBackupIsDone) {
  const Server server;
  server.run("CREATE TABLE public.t AS SELECT 1 AS i");
  auto database = source_of(server);
  ASSERT_EQ(prepared(*database), "ok");
  Other truncate(server, "TRUNCATE public.t");
  ASSERT_TRUE(wait_until(server, somebody_waits));
  ASSERT_EQ(open_now(*database), "ok");
  // Its lock is asked for, so that new ones wait behind it: the session that has the lock reads.
  EXPECT_EQ(read_table(*database, "public.t"), "1\n");
  database.reset();
  EXPECT_EQ(truncate.outcome(), "ok");
  EXPECT_EQ(server.value("SELECT count(*) FROM public.t"), "0");
}

TEST(PostgresqlLocks, WhatWaitsInTheQueueIsReadByManyThreadsAllTheSame) {
  const Server server;
  server.run(
      "CREATE TABLE public.t AS SELECT i, repeat('x', 200) AS x FROM generate_series(1, 300) i;"
      "CREATE TABLE public.u AS TABLE public.t; CREATE TABLE public.v AS TABLE public.t");
  auto database = opened(server, {.readers = 3});
  auto objects = database->objects();
  ASSERT_EQ(said(objects), "ok");
  Other change(server, "ALTER TABLE public.t ADD COLUMN y int");
  Other drop(server, "DROP TABLE public.u");
  ASSERT_TRUE(wait_until(server, "SELECT count(*) = 2 FROM pg_locks WHERE NOT granted"));
  std::vector<std::jthread> threads;
  std::atomic<std::uint64_t> rows = 0;
  for (const Object& object : *objects) {
    if (object.kind != "table") continue;
    threads.emplace_back([&] {
      database::testing::MemorySink sink;
      const auto receipt = database->read(object.parts.front(), sink, {});
      EXPECT_EQ(said(receipt), "ok");
      if (receipt) rows += *receipt->rows;
    });
  }
  threads.clear();
  EXPECT_EQ(rows, 900U);
  database.reset();
  EXPECT_EQ(change.outcome(), "ok");
  EXPECT_EQ(drop.outcome(), "ok");
}

// The tables that were there when the locks were taken are safe; these are not.
TEST(PostgresqlLocks, ATableThatComesAfterTheLocksIsBackedUpUnlessItChanges) {
  const Server server;
  server.run("CREATE TABLE public.old AS SELECT 1 AS i");
  const auto with_new_table = [&](const std::string& meanwhile) {
    server.run("DROP TABLE IF EXISTS public.new, public.newer");
    auto database = source_of(server);
    EXPECT_EQ(prepared(*database), "ok");
    server.run("CREATE TABLE public.new AS SELECT 42 AS i");
    EXPECT_EQ(open_now(*database), "ok");
    if (!meanwhile.empty()) server.run(meanwhile);
    const auto objects = database->objects();
    if (!objects) return said(objects);
    // By the session that holds the snapshot; pg_dump may have its own lock by now.
    EXPECT_EQ(server.value("SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
                           "WHERE l.relation = 'public.new'::regclass AND l.mode = "
                           "'AccessShareLock' AND a.application_name = 'stillpoint'"),
              "1");
    return read_table(*database, "public.new");
  };
  EXPECT_EQ(with_new_table(""), "42\n");
  EXPECT_EQ(with_new_table("INSERT INTO public.new VALUES(43); ANALYZE public.new"), "42\n");
  EXPECT_THAT(with_new_table("TRUNCATE public.new"),
              AllOf(HasSubstr("public.new"), HasSubstr("emptied or written anew")));
  EXPECT_THAT(with_new_table("ALTER TABLE public.new ALTER i TYPE text"),
              AllOf(HasSubstr("public.new"), HasSubstr("written anew")));
  EXPECT_THAT(with_new_table("DROP TABLE public.new"),
              AllOf(HasSubstr("public.new"), HasSubstr("dropped or renamed")));
  EXPECT_THAT(with_new_table("ALTER TABLE public.new RENAME TO newer"),
              AllOf(HasSubstr("public.new"), HasSubstr("dropped or renamed")));
  EXPECT_THAT(with_new_table("DROP TABLE public.new; CREATE TABLE public.new AS SELECT 7 AS i"),
              AllOf(HasSubstr("public.new"), HasSubstr("renamed, moved or made anew")));
}

TEST(PostgresqlLocks, ALateTableThatSomebodyHasLockedIsNamedWithThem) {
  const Server server;
  auto database = source_of(server);
  ASSERT_EQ(prepared(*database), "ok");
  server.run("CREATE TABLE public.new AS SELECT 42 AS i");
  ASSERT_EQ(open_now(*database), "ok");
  Connection other = server.session();
  ASSERT_EQ(said(other.execute("BEGIN; LOCK TABLE public.new")), "ok");
  EXPECT_THAT(said(database->objects()),
              AllOf(HasSubstr("busy"), HasSubstr("public.new"),
                    HasSubstr("pid " + std::to_string(other.server_process()))));
}

TEST(PostgresqlLocks, ATableEmptiedBeforeTheLockIsSimplyEmpty) {
  const Server server;
  server.run("CREATE TABLE public.t AS SELECT 1 AS i");
  Connection other = server.session();
  ASSERT_EQ(said(other.execute("BEGIN; TRUNCATE public.t")), "ok");
  auto database = source_of(server);
  std::jthread commit([&] {
    EXPECT_TRUE(wait_until(server, somebody_waits));
    EXPECT_EQ(said(other.execute("COMMIT")), "ok");
  });
  ASSERT_EQ(prepared(*database), "ok");
  ASSERT_EQ(open_now(*database), "ok");
  EXPECT_EQ(read_table(*database, "public.t"), "");
}

TEST(PostgresqlLocks, ATableDroppedWhileItIsLockedIsListedAnew) {
  const Server server;
  server.run("CREATE TABLE public.t AS SELECT 1 AS i; CREATE TABLE public.u AS SELECT 2 AS i");
  Connection other = server.session();
  ASSERT_EQ(said(other.execute("BEGIN; DROP TABLE public.t")), "ok");
  auto database = source_of(server);
  std::jthread commit([&] {
    EXPECT_TRUE(wait_until(server, somebody_waits));
    EXPECT_EQ(said(other.execute("COMMIT")), "ok");
  });
  ASSERT_EQ(prepared(*database), "ok");
  ASSERT_EQ(open_now(*database), "ok");
  EXPECT_EQ(read_table(*database, "public.u"), "2\n");
  EXPECT_EQ(find_object(database->objects().value(), "public.t")->kind, "none");
}

TEST(PostgresqlLocks, WhoIsInTheWayIsNamedAfterTheTimeAllowed) {
  const Server server;
  server.run(
      "CREATE TABLE public.a(i int); CREATE TABLE public.\"B b\"(i int); "
      "CREATE ROLE alice LOGIN SUPERUSER");
  Connection alice = server.session("postgres", "alice");
  ASSERT_EQ(said(alice.execute("SET application_name = 'monthly job'; BEGIN; "
                               "LOCK TABLE public.\"B b\"")),
            "ok");
  auto database = source_of(server, {.lock_wait = milliseconds(150)});
  const auto began = std::chrono::steady_clock::now();
  EXPECT_THAT(prepared(*database),
              AllOf(HasSubstr("busy"), HasSubstr("public.\"B b\""), HasSubstr("alice, monthly job"),
                    HasSubstr("pid " + std::to_string(alice.server_process())),
                    Not(HasSubstr("public.a"))));
  EXPECT_LT(std::chrono::steady_clock::now() - began, seconds(10));
}

TEST(PostgresqlLocks, APreparedTransactionInTheWayIsNamed) {
  const Server server({.configuration = {"max_prepared_transactions = 5"}});
  server.run("CREATE TABLE public.t(i int)");
  server.run("BEGIN; LOCK TABLE public.t; PREPARE TRANSACTION 'forgotten one'");
  auto database = source_of(server, {.lock_wait = milliseconds(100)});
  EXPECT_THAT(prepared(*database),
              AllOf(HasSubstr("busy"), HasSubstr("prepared transaction 'forgotten one'")));
}

TEST(PostgresqlLocks, NothingIsLeftBehind) {
  const Server server;
  server.run("CREATE TABLE public.t AS SELECT i FROM generate_series(1, 300000) i");
  const std::string ours =
      "SELECT count(*) || ' ' || (SELECT count(*) FROM pg_locks WHERE relation = "
      "'public.t'::regclass) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid "
      "<> pg_backend_pid() AND state LIKE '%transaction%'";
  {
    auto database = source_of(server);
    ASSERT_EQ(prepared(*database), "ok");
    EXPECT_EQ(server.value(ours), "1 1");
  }
  EXPECT_EQ(server.value(ours), "0 0");
  {
    auto database = opened(server);
    ASSERT_EQ(said(database->objects()), "ok");
  }
  EXPECT_EQ(server.value(ours), "0 0");
  // Stopped in the midst of a part.
  {
    auto database = opened(server);
    const auto objects = database->objects();
    ASSERT_EQ(said(objects), "ok");
    std::stop_source stop;
    database::testing::MemorySink sink;
    sink.during = [&] { stop.request_stop(); };
    EXPECT_THAT(
        said(database->read(find_object(*objects, "public.t")->parts[0], sink, stop.get_token())),
        HasSubstr("cancelled"));
  }
  EXPECT_EQ(server.value(ours), "0 0");
}

TEST(PostgresqlLocks, AStopRequestEndsTheWaitForLocks) {
  const Server server;
  server.run("CREATE TABLE public.t(i int)");
  Connection other = server.session();
  ASSERT_EQ(said(other.execute("BEGIN; LOCK TABLE public.t")), "ok");
  std::stop_source stop;
  std::jthread later([&] {
    EXPECT_TRUE(wait_until(server, somebody_waits));
    stop.request_stop();
  });
  {
    auto database = source_of(server, {.lock_wait = seconds(600)});
    EXPECT_THAT(said(database->prepare(stop.get_token())), HasSubstr("cancelled"));
  }
  EXPECT_EQ(lock_waiters(server), "f");
}

TEST(PostgresqlLocks, ASlowConsumerLosesTheSnapshotInTheEnd) {
  const Server server;
  server.run(
      "CREATE TABLE public.t AS SELECT i, repeat('x', 1000) FROM generate_series(1, 9000) i");
  auto database = opened(server, {.snapshot_max = milliseconds(300)});
  const auto objects = database->objects();
  ASSERT_EQ(said(objects), "ok");
  database::testing::MemorySink sink;
  sink.during = [] { std::this_thread::sleep_for(milliseconds(100)); };
  EXPECT_THAT(said(database->read(find_object(*objects, "public.t")->parts[0], sink, {})),
              AllOf(HasSubstr("the snapshot has been open for longer than 300.0 ms"),
                    HasSubstr("snapshot-max")));
  // The server has ended the holder by itself, also had we been frozen.
  EXPECT_TRUE(wait_until(server,
                         "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE "
                         "state LIKE 'idle in transaction%')"));
}

// More than fits into the buffers on the way; and its sessions die with it, which else go on until
// they have to wait for something.
TEST(PostgresqlLocks, AServerThatGoesAwayFailsTheBackup) {
  Server server;
  server.run(
      "CREATE TABLE public.t AS SELECT i, repeat('x', 1000) FROM generate_series(1, 60000) i");
  auto database = opened(server);
  const auto objects = database->objects();
  ASSERT_EQ(said(objects), "ok");
  database::testing::MemorySink sink;
  sink.during = [&] {
    if (!server.running()) return;
    std::istringstream sessions(
        server.value("SELECT string_agg(pid::text, ' ') FROM pg_stat_activity"
                     " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"));
    server.kill();
    for (pid_t session = 0; sessions >> session;) ::kill(session, SIGKILL);
  };
  EXPECT_THAT(said(database->read(find_object(*objects, "public.t")->parts[0], sink, {})),
              HasSubstr("unavailable"));
}

}  // namespace
}  // namespace stillpoint::database::postgresql

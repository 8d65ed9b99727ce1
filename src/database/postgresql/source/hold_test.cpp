// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/source/hold.h"

#include <array>
#include <chrono>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "database/postgresql/source/source_testing.h"

namespace stillpoint::database::postgresql {
namespace {

using namespace testing;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::vector<std::string> state = {"coordinator.state"};

class PostgresqlHold : public ::testing::Test {
 protected:
  PostgresqlHold() {
    server_.run("CREATE SCHEMA coordinator; CREATE TABLE coordinator.state(id text PRIMARY KEY)");
  }
  std::unique_ptr<Database> ready() {
    auto database = source_of(server_);
    EXPECT_EQ(prepared(*database), "ok");
    return database;
  }
  // Whether somebody else can write within this time.
  bool can_write(milliseconds patience) {
    auto session = server_.session();
    session.limit(base::Deadline(patience));
    return session.execute("INSERT INTO coordinator.state SELECT gen_random_uuid()::text")
        .has_value();
  }

  Server server_;
};

base::Deadline soon() {
  return base::Deadline(seconds(10));
}

TEST_F(PostgresqlHold, KeepsWritersOffUntilItIsReleased) {
  auto database = ready();
  auto hold = database->hold_writes(state, soon(), seconds(20));
  ASSERT_EQ(said(hold), "ok");
  EXPECT_FALSE(can_write(milliseconds(150)));
  EXPECT_EQ(server_.value("SELECT count(*) FROM coordinator.state"), "0");  // readers go on
  EXPECT_EQ(open_now(*database), "ok");
  std::jthread writer([&] { EXPECT_TRUE(can_write(seconds(20))); });
  ASSERT_TRUE(wait_until(server_, "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted"));
  EXPECT_EQ(said((*hold)->release()), "ok");
  writer.join();
  // The writer waited behind the opening: the snapshot is without its row.
  EXPECT_EQ(read_table(*database, "coordinator.state"), "");
  EXPECT_EQ(server_.value("SELECT count(*) FROM coordinator.state"), "1");
}

TEST_F(PostgresqlHold, LetsGoWhenItIsDestroyed) {
  auto database = ready();
  {
    auto hold = database->hold_writes(state, soon(), seconds(20));
    ASSERT_EQ(said(hold), "ok");
  }
  EXPECT_TRUE(can_write(seconds(5)));
}

TEST_F(PostgresqlHold, WaitsNoLongerThanAllowedAndNamesWhoIsInTheWay) {
  server_.run("CREATE ROLE bob LOGIN SUPERUSER");
  auto bob = server_.session("postgres", "bob");
  ASSERT_EQ(said(bob.execute("BEGIN; INSERT INTO coordinator.state VALUES('x')")), "ok");
  auto database = ready();
  const auto began = std::chrono::steady_clock::now();
  auto hold = database->hold_writes(state, base::Deadline(milliseconds(200)), seconds(20));
  EXPECT_THAT(said(hold),
              AllOf(StartsWith("busy"), HasSubstr("bob"), HasSubstr("on coordinator.state"),
                    HasSubstr("pid " + std::to_string(bob.server_process()))));
  EXPECT_LT(std::chrono::steady_clock::now() - began, seconds(5));
  EXPECT_TRUE(can_write(seconds(5)));  // our request is not in the way any more
  EXPECT_EQ(said(bob.execute("COMMIT")), "ok");
  auto again = database->hold_writes(state, soon(), seconds(20));
  EXPECT_EQ(said(again), "ok");
}

TEST_F(PostgresqlHold, AReleaseAfterTheServerLetGoIsAnError) {
  auto database = ready();
  auto hold = database->hold_writes(state, soon(), milliseconds(200));
  ASSERT_EQ(said(hold), "ok");
  EXPECT_FALSE(can_write(milliseconds(50)));
  EXPECT_TRUE(can_write(seconds(20)));
  EXPECT_THAT(said((*hold)->release()), HasSubstr("release the tables"));
}

TEST_F(PostgresqlHold, AnEndedSessionIsAnErrorAtTheRelease) {
  auto database = ready();
  auto hold = database->hold_writes(state, soon(), seconds(20));
  ASSERT_EQ(said(hold), "ok");
  server_.run(
      "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE mode = 'ShareLock' AND "
      "relation = 'coordinator.state'::regclass");
  EXPECT_TRUE(can_write(seconds(10)));
  EXPECT_THAT(said((*hold)->release()), HasSubstr("unavailable"));
}

// The server lets go of what a frozen, and at once of what a dead process holds.
TEST_F(PostgresqlHold, IsReleasedByTheServerWhenWeAreFrozenOrDead) {
  for (const int fate : {SIGSTOP, SIGKILL}) {
    std::array<int, 2> ready = {};
    ASSERT_EQ(::pipe(ready.data()), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      auto database = open_database(server_.address(), {}).value();
      auto hold = database->prepare({}) ? database->hold_writes(state, soon(), seconds(2))
                                        : Result<std::unique_ptr<Hold>>(fail(Errc::internal, ""));
      (void)!::write(ready[1], hold ? "y" : "n", 1);
      for (;;) ::pause();
    }
    char answer = 0;
    ASSERT_EQ(::read(ready[0], &answer, 1), 1);
    ASSERT_EQ(answer, 'y');
    ::kill(child, fate);
    const auto began = std::chrono::steady_clock::now();
    EXPECT_EQ(can_write(milliseconds(200)), fate == SIGKILL);
    EXPECT_TRUE(can_write(seconds(20)));
    EXPECT_LT(std::chrono::steady_clock::now() - began, seconds(fate == SIGSTOP ? 10 : 2));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    ::close(ready[0]);
    ::close(ready[1]);
  }
}

TEST_F(PostgresqlHold, SaysWhichRightIsMissing) {
  server_.run("CREATE ROLE reader LOGIN; GRANT pg_read_all_data TO reader");
  auto database = open_database(server_.address("postgres", "reader"), {}).value();
  ASSERT_EQ(prepared(*database), "ok");
  EXPECT_THAT(said(database->hold_writes(state, soon(), seconds(1))),
              AllOf(StartsWith("denied"),
                    HasSubstr("GRANT UPDATE ON \"coordinator\".\"state\" TO reader;")));
  server_.run("GRANT UPDATE ON coordinator.state TO reader");
  EXPECT_EQ(said(database->hold_writes(state, soon(), seconds(1))), "ok");
}

TEST_F(PostgresqlHold, RefusesWhatIsNoTable) {
  auto database = ready();
  EXPECT_THAT(said(database->hold_writes({"coordinator.none"}, soon(), seconds(1))),
              StartsWith("not_found"));
  EXPECT_THAT(said(database->hold_writes({"state"}, soon(), seconds(1))), StartsWith("invalid"));
}

}  // namespace
}  // namespace stillpoint::database::postgresql

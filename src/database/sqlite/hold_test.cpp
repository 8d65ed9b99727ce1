// SPDX-License-Identifier: Apache-2.0
#include "database/sqlite/hold.h"

#include <chrono>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/process.h"
#include "database/sqlite/testing.h"

namespace stillpoint::database::sqlite {
namespace {

using namespace testing;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::vector<std::string> state = {"coordinator$state"};

class SqliteHold : public ::testing::TestWithParam<std::string> {
 protected:
  SqliteHold() {
    Client client(path_);
    client.run("PRAGMA journal_mode=" + GetParam() +
               "; CREATE TABLE coordinator$state(id INTEGER PRIMARY KEY)");
  }
  std::unique_ptr<Database> ready() const {
    auto database = std::make_unique<SqliteDatabase>(path_);
    const auto prepared = database->prepare({});
    EXPECT_TRUE(prepared) << prepared.error().message;
    return database;
  }
  // Whether somebody else can write within this time.
  bool can_write(int patience_milliseconds) const {
    Client client(path_);
    client.patience(patience_milliseconds);
    return client.run("INSERT INTO coordinator$state DEFAULT VALUES");
  }
  // Who holds it, when the file is opened by nobody else.
  pid_t holder() const {
    const auto openers = base::openers_of(path_).value();
    EXPECT_EQ(openers.size(), 1U);
    return openers.empty() ? 0 : std::stoi(openers[0]);
  }

  Folder folder_;
  std::string path_ = folder_ / "bank.db";
};

base::Deadline soon() {
  return base::Deadline(seconds(10));
}

INSTANTIATE_TEST_SUITE_P(Journals, SqliteHold, ::testing::Values("wal", "delete"));

TEST_P(SqliteHold, KeepsWritersOffAndLetsReadersIn) {
  const auto database = ready();
  auto hold = database->hold_writes(state, soon(), seconds(20));
  ASSERT_EQ(said(hold), "ok");
  EXPECT_FALSE(can_write(100));
  EXPECT_EQ(Client(path_).ask("SELECT count(*) FROM coordinator$state"), "0");
  // Neither other files nor other openings of this one in our process let go of it.
  {
    std::ifstream(path_ + "-other");
  }
  {
    Client other(path_);
  }
  EXPECT_FALSE(can_write(100));
  EXPECT_EQ(said((*hold)->release()), "ok");
  EXPECT_TRUE(can_write(5000));
}

TEST_P(SqliteHold, IsReleasedWhileOthersRead) {
  const auto database = ready();
  auto hold = database->hold_writes(state, soon(), seconds(20));
  ASSERT_EQ(said(hold), "ok");
  Client reader(path_);
  reader.run("BEGIN; SELECT * FROM coordinator$state");
  EXPECT_EQ(said((*hold)->release()), "ok");
}

TEST_P(SqliteHold, LetsGoWhenItIsDestroyedAndIsNoLongerThere) {
  const auto database = ready();
  auto hold = database->hold_writes(state, soon(), seconds(20));
  ASSERT_EQ(said(hold), "ok");
  const pid_t process = holder();
  hold->reset();
  EXPECT_TRUE(can_write(5000));
  EXPECT_FALSE(base::process_exists(process));
}

// What happens to who holds it shows at the release, and writers go on at once.
TEST_P(SqliteHold, AKilledHolderIsAnErrorAtTheRelease) {
  const auto database = ready();
  auto hold = database->hold_writes(state, soon(), seconds(20));
  ASSERT_EQ(said(hold), "ok");
  ::kill(holder(), SIGKILL);
  EXPECT_TRUE(can_write(5000));
  EXPECT_THAT(said((*hold)->release()), HasSubstr("release the file"));
}

TEST_P(SqliteHold, AReleaseAfterItsTimeIsAnError) {
  const auto database = ready();
  auto hold = database->hold_writes(state, soon(), milliseconds(200));
  ASSERT_EQ(said(hold), "ok");
  EXPECT_FALSE(can_write(50));
  EXPECT_TRUE(can_write(5000));
  EXPECT_THAT(said((*hold)->release()), AllOf(StartsWith("busy"), HasSubstr("longer than")));
}

TEST_P(SqliteHold, AFileThatIsReplacedMeanwhileIsAnError) {
  const auto database = ready();
  auto hold = database->hold_writes(state, soon(), seconds(20));
  ASSERT_EQ(said(hold), "ok");
  std::filesystem::rename(path_, path_ + ".away");
  EXPECT_THAT(said((*hold)->release()), HasSubstr("renamed or replaced"));
}

// A frozen process' hold ends with its time, a dead one's at once.
TEST_P(SqliteHold, EndsWhenWeAreFrozenOrDead) {
  for (const int fate : {SIGSTOP, SIGKILL}) {
    Child child([&] {
      const auto database = ready();
      const auto hold = database->hold_writes(state, soon(), seconds(2));
      if (!hold) ::_exit(1);
      Child::ready_and_sleep();
    });
    child.wait_until_ready();
    EXPECT_FALSE(can_write(50));
    child.signal(fate);
    EXPECT_EQ(can_write(500), fate == SIGKILL);
    EXPECT_TRUE(can_write(20'000));
  }
}

TEST_P(SqliteHold, WaitsNoLongerThanAllowed) {
  Client bob(path_);
  bob.run("BEGIN IMMEDIATE");
  const auto database = ready();
  const auto began = std::chrono::steady_clock::now();
  EXPECT_THAT(said(database->hold_writes(state, base::Deadline(milliseconds(200)), seconds(20))),
              StartsWith("busy"));
  EXPECT_LT(std::chrono::steady_clock::now() - began, seconds(5));
  bob.run("COMMIT");
  EXPECT_TRUE(can_write(0));  // our request is not in the way any more
}

TEST_P(SqliteHold, RefusesWhatIsNoTable) {
  const auto database = ready();
  EXPECT_THAT(said(database->hold_writes({"none"}, soon(), seconds(1))), StartsWith("not_found"));
}

}  // namespace
}  // namespace stillpoint::database::sqlite

// SPDX-License-Identifier: Apache-2.0
#include "repository/unlock.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "repository/lock.h"
#include "repository/testing.h"
#include "storage/decorators/faulty.h"

namespace stillpoint::repository {
namespace {

using std::chrono::minutes;

class UnlockTest : public ::testing::Test {
 protected:
  void SetUp() override { repository_ = init_test_repository(backend()); }
  std::unique_ptr<storage::Backend> backend() const {
    return std::move(*storage::open("memory:" + name_));
  }
  Id add(minutes age, const std::string& host, std::uint64_t pid, bool exclusive = false) {
    LockFile lock;
    lock.time = base::now() - age;
    lock.exclusive = exclusive;
    lock.host = {host, "somebody", 0, 0, pid};
    return repository_->save_file(FileKind::lock, encode_lock(lock)).value();
  }
  std::vector<LockState> look() const { return look_at_locks(*repository_).value(); }

  const std::string name_ = "unlock-" + base::random_token();
  std::unique_ptr<Repository> repository_;
};

// A process that has ended, and whose number nobody has had since.
std::uint64_t dead_process() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ::waitpid(child, nullptr, 0);
  return static_cast<std::uint64_t>(child);
}

TEST_F(UnlockTest, StaleIsWhoWasNotRefreshedOrIsDead) {
  const std::string here = this_host().name;
  const Id old = add(minutes(31), "elsewhere", 4711, true);
  const Id fresh = add(minutes(29), "elsewhere", 4711);
  const Id dead = add(minutes(2), here, dead_process());
  const Id alive = add(minutes(1), here, static_cast<std::uint64_t>(::getppid()));
  const std::vector<LockState> locks = look();
  ASSERT_EQ(locks.size(), 4U);
  EXPECT_EQ(locks[0].id, old);
  EXPECT_TRUE(locks[0].stale);
  EXPECT_TRUE(locks[0].lock.exclusive);
  EXPECT_EQ(locks[0].lock.host.pid, 4711U);
  EXPECT_EQ(locks[1].id, fresh);
  EXPECT_FALSE(locks[1].stale);
  EXPECT_EQ(locks[2].id, dead);
  EXPECT_TRUE(locks[2].stale);
  EXPECT_EQ(locks[3].id, alive);
  EXPECT_FALSE(locks[3].stale);
}

TEST_F(UnlockTest, OneThatCannotBeReadIsShownAndCanBeRemoved) {
  const Id nonsense = repository_->save_file(FileKind::lock, "{}").value();
  const Id empty = base::sha256({});
  ASSERT_TRUE(
      backend()->put(name_of_file(FileKind::lock, empty), {}, storage::PutMode::create_only));
  const std::vector<LockState> locks = look();
  ASSERT_EQ(locks.size(), 2U);
  for (const LockState& lock : locks) {
    EXPECT_TRUE(lock.id == nonsense || lock.id == empty);
    EXPECT_FALSE(lock.problem.empty());
    EXPECT_FALSE(lock.stale);
    ASSERT_TRUE(remove_lock(*repository_, lock));
  }
  EXPECT_TRUE(look().empty());
}

TEST_F(UnlockTest, LookingTakesNoLockAndRemovesNone) {
  const Id old = add(minutes(60), "elsewhere", 1);
  look();
  EXPECT_EQ(repository_->list_files(FileKind::lock).value(), std::vector<Id>{old});
}

TEST_F(UnlockTest, AfterItTheRepositoryIsFree) {
  add(minutes(1), "elsewhere", 4711, true);
  EXPECT_EQ(Lock::acquire(*repository_, LockKind::shared, {}).error().code, Errc::locked);
  ASSERT_TRUE(remove_lock(*repository_, look().at(0)));
  EXPECT_TRUE(Lock::acquire(*repository_, LockKind::exclusive, {}));
}

TEST_F(UnlockTest, AStorageThatDoesNotAnswerIsNoUnreadableLock) {
  add(minutes(1), "elsewhere", 4711);
  storage::Fault fault;
  fault.operation = storage::Operation::get;
  fault.at = 3;  // after config and key
  const auto opened =
      Repository::open(std::make_unique<storage::Faulty>(backend(), std::vector{fault}),
                       test_password())
          .value();
  EXPECT_EQ(look_at_locks(*opened).error().code, Errc::unavailable);
}

}  // namespace
}  // namespace stillpoint::repository

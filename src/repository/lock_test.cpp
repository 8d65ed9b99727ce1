// SPDX-License-Identifier: Apache-2.0
#include "repository/lock.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "repository/lock_file.h"
#include "repository/testing.h"
#include "storage/memory/memory_backend.h"

namespace stillpoint::repository {
namespace {

class LockTest : public ::testing::Test {
 protected:
  std::unique_ptr<storage::Backend> backend() const {
    return std::move(*storage::open("memory:" + name_));
  }
  std::unique_ptr<Repository> open() const {
    auto repository = open_test_repository(backend());
    repository->set_clock([this] { return base::now() + ahead_; });
    return repository;
  }
  std::vector<LockFile> stored() const {
    std::vector<LockFile> locks;
    const auto repository = open();
    const std::vector<FoundLock> all = list_locks(*repository).value();
    for (const FoundLock& found : all) locks.push_back(found.lock);
    return locks;
  }
  // As restic writes it: without what is ours.
  Id write_restic_lock(bool exclusive) const {
    LockFile lock;
    lock.time = base::now() + ahead_;
    lock.exclusive = exclusive;
    lock.host = {"elsewhere", "u", 1, 1, 4711};
    return open()->save_file(FileKind::lock, encode_lock(lock)).value();
  }

  std::string name_ = "lock-test-" + base::random_token();
  std::chrono::nanoseconds ahead_ = {};
  const std::unique_ptr<Repository> made_ = init_test_repository(backend());
  const std::unique_ptr<Repository> one_ = open();
  const std::unique_ptr<Repository> two_ = open();
};

TEST_F(LockTest, SaysWhoHoldsItAndWhatFor) {
  const auto lock = Lock::acquire(*one_, LockKind::shared, {}, "backup").value();
  const LockFile before = stored().at(0);
  EXPECT_EQ(before.program, "stillpoint");
  EXPECT_EQ(before.work, "backup");
  EXPECT_FALSE(before.exclusive);
  EXPECT_EQ(before.host.pid, static_cast<std::uint64_t>(::getpid()));
  ahead_ += std::chrono::minutes(5);
  ASSERT_TRUE(lock->refresh());
  ASSERT_EQ(stored().size(), 1U);
  const LockFile after = stored().at(0);
  EXPECT_EQ(after.began, before.began);
  EXPECT_GT(after.time, before.time);
  const auto refused = Lock::acquire(*two_, LockKind::exclusive, {});
  EXPECT_NE(refused.error().message.find("(backup)"), std::string::npos);
  EXPECT_NE(refused.error().advice.find("stillpoint unlock"), std::string::npos);
}

TEST_F(LockTest, OnePruneAtATimeBesideReadersAndWriters) {
  const auto writer = Lock::acquire(*one_, LockKind::shared, {}, "backup").value();
  const auto prune = Lock::acquire(*one_, LockKind::prune, {}).value();
  const auto second = Lock::acquire(*two_, LockKind::prune, {});
  EXPECT_EQ(second.error().code, Errc::locked);
  EXPECT_NE(second.error().message.find("(prune)"), std::string::npos);
  EXPECT_EQ(Lock::acquire(*two_, LockKind::prune, {}, "repair").error().code, Errc::locked);
  EXPECT_TRUE(Lock::acquire(*two_, LockKind::shared, {}));
  EXPECT_EQ(Lock::acquire(*two_, LockKind::exclusive, {}).error().code, Errc::locked);
}

TEST_F(LockTest, TheSwitchIsExclusiveTowardsResticOnly) {
  const auto prune = Lock::acquire(*one_, LockKind::prune, {}).value();
  const auto writer = Lock::acquire(*two_, LockKind::shared, {}, "backup").value();
  ASSERT_TRUE(prune->begin_switch({}, {}));
  bool exclusive = false;
  for (const LockFile& lock : stored()) {
    exclusive = exclusive || (lock.exclusive && lock.step == "switch");
  }
  EXPECT_TRUE(exclusive);  // what restic sees
  EXPECT_TRUE(Lock::acquire(*two_, LockKind::shared, {}));
  ASSERT_TRUE(prune->end_switch());
  ASSERT_EQ(stored().size(), 2U);
  for (const LockFile& lock : stored()) EXPECT_FALSE(lock.exclusive);
}

TEST_F(LockTest, TheSwitchWaitsForResticAndGivesUp) {
  const Id restic = write_restic_lock(false);
  const auto prune = Lock::acquire(*one_, LockKind::prune, {}).value();
  const auto refused = prune->begin_switch({}, {});
  EXPECT_EQ(refused.error().code, Errc::locked);
  EXPECT_NE(refused.error().message.find("elsewhere"), std::string::npos);
  for (const LockFile& lock : stored()) EXPECT_FALSE(lock.exclusive);
  ASSERT_TRUE(one_->remove_file(FileKind::lock, restic));
  EXPECT_TRUE(prune->begin_switch({}, {}));
}

TEST_F(LockTest, NobodyWorksBesideResticsExclusiveLock) {
  write_restic_lock(true);
  for (const LockKind kind : {LockKind::shared, LockKind::exclusive, LockKind::prune}) {
    EXPECT_EQ(Lock::acquire(*one_, kind, {}).error().code, Errc::locked);
  }
}

TEST_F(LockTest, OneThatExpiredIsLostForGood) {
  const auto lock = Lock::acquire(*one_, LockKind::shared, {}).value();
  ahead_ += std::chrono::minutes(29);
  ASSERT_TRUE(lock->refresh());
  ahead_ += std::chrono::minutes(29);
  EXPECT_TRUE(lock->still_held());
  ahead_ += std::chrono::minutes(2);
  // As after an hour in which the process was stopped: its thread comes first, and must not make
  // it look as if nothing had happened.
  EXPECT_EQ(lock->refresh().error().code, Errc::locked);
  EXPECT_EQ(lock->still_held().error().code, Errc::locked);
  EXPECT_EQ(lock->not_expired().error().code, Errc::locked);
  ahead_ = {};
  EXPECT_EQ(lock->refresh().error().code, Errc::locked);
  EXPECT_FALSE(lock->still_held().error().advice.empty());
}

TEST_F(LockTest, OneThatSomebodyRemovedIsLostForGood) {
  const auto lock = Lock::acquire(*one_, LockKind::shared, {}).value();
  const std::vector<Id> files = two_->list_files(FileKind::lock).value();
  for (const Id& id : files) {
    ASSERT_TRUE(two_->remove_file(FileKind::lock, id));
  }
  EXPECT_EQ(lock->refresh().error().code, Errc::locked);
  EXPECT_EQ(lock->still_held().error().code, Errc::locked);
  EXPECT_TRUE(stored().empty()) << "it must not come back";
}

TEST_F(LockTest, OthersAreThoseThatLive) {
  const auto lock = Lock::acquire(*one_, LockKind::shared, {}).value();
  EXPECT_TRUE(lock->others().value().empty());
  write_restic_lock(false);
  ASSERT_EQ(lock->others().value().size(), 1U);
  EXPECT_FALSE(lock->others().value()[0].began);
  ahead_ += std::chrono::minutes(20);
  ASSERT_TRUE(lock->refresh());
  ahead_ += std::chrono::minutes(15);
  EXPECT_TRUE(lock->others().value().empty());
}

TEST_F(LockTest, FilesOfOtherVersionsAndOfResticAreRead) {
  const auto restic = decode_lock(base::view_of(
      R"({"time":"2026-11-21T08:30:00Z","exclusive":true,"hostname":"h","username":"u","pid":7,)"
      R"("uid":1,"gid":2,"later":{"x":[1]}})"));
  ASSERT_TRUE(restic);
  EXPECT_TRUE(restic->exclusive);
  EXPECT_FALSE(restic->ours());
  EXPECT_FALSE(restic->began);
  EXPECT_EQ(restic->host.pid, 7U);
  for (const char* wrong :
       {"", "[]", "{}", R"({"time":"yesterday"})",
        R"({"time":"2026-11-21T08:30:00Z","program":"stillpoint","began":3})"}) {
    EXPECT_EQ(decode_lock(base::view_of(wrong)).error().code, Errc::corrupt) << wrong;
  }
  LockFile ours;
  ours.time = base::parse_time("2026-11-21T08:30:00Z").value();
  ours.began = base::parse_time("2026-11-20T08:30:00Z").value();
  ours.program = "stillpoint";
  ours.work = "prune";
  ours.step = "switch";
  ours.exclusive = true;
  const LockFile again = decode_lock(base::view_of(encode_lock(ours))).value();
  EXPECT_EQ(again.began, ours.began);
  EXPECT_TRUE(again.switches());
  EXPECT_TRUE(again.prunes());
}

}  // namespace
}  // namespace stillpoint::repository

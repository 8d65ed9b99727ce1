// SPDX-License-Identifier: Apache-2.0
// Prune and backups that meet at every request of each other. (tests/faults: what fails or hangs.)
#include <gtest/gtest.h>

#include "repository/lock.h"
#include "repository/prune/testing.h"

namespace stillpoint::repository {
namespace {

using namespace std::chrono_literals;

constexpr int requests_max = 400;

class Interleaved : public PruneCase {
 protected:
  // Blocks 1 to 12 are needed by nobody, 13 to 17 are with others in a pack.
  void prepare() {
    begin_anew();
    const Blocks stays = joined(range(13, 17), range(41, 50));
    const Record gone = back_up(range(1, 20));
    kept_ = {{back_up(stays).id, stays}};
    forget(gone);
  }
  // Some of it from packs that are about to be retired, some new.
  static Blocks returning() { return joined(range(1, 7), joined(range(14, 15), range(80, 88))); }

  // Deletes what may be deleted at once: a grace that is no time, unlike none.
  static PruneOptions impatient() {
    PruneOptions options = all_unused();
    options.grace = 1ns;
    return options;
  }

  void keep(const Result<Record>& done, const Blocks& blocks) {
    if (done) kept_[done->id] = blocks;
  }

  // Whatever happened: all is whole, now and after two more runs, and nothing is left over.
  void expect_whole_and_tidy(const std::string& where) {
    expect_whole(kept_, where);
    if (HasFatalFailure()) return;
    for (int round = 0; round < 2; ++round) {
      pass(26h);
      const auto repository = open();
      const auto pruned = prune_in(*repository, all_unused());
      ASSERT_TRUE(pruned) << where << ": " << pruned.error().message;
    }
    expect_whole(kept_, where);
    if (HasFatalFailure()) return;
    expect_tidy(where);
    ASSERT_TRUE(names("retired/").empty()) << where;
  }

  std::map<Id, Blocks> kept_;
};

using Meeting = Interleaved;

// The writer dedups against packs that are retired, and switched away, while it is at that request.
TEST_F(Meeting, APruneWithinAnyRequestOfAWriter) {
  int succeeded = 0;
  for (int at = 1;; ++at) {
    prepare();
    const auto hook = std::make_shared<Hooked::Hook>();
    hook->at = at;
    Result<PruneReport> first;
    Result<PruneReport> second;
    hook->call = [&] {
      first = prune_in(*open(), impatient());
      second = prune_in(*open(), impatient());
    };
    const auto repository = open(std::make_unique<Hooked>(backend(), hook));
    const auto done = back_up(*repository, returning());
    if (hook->requests < at) break;
    const std::string where = "request " + std::to_string(at);
    ASSERT_TRUE(first) << where << ": " << first.error().message;
    ASSERT_TRUE(second) << where << ": " << second.error().message;
    ASSERT_TRUE(done) << where << ": " << done.error().message;
    ++succeeded;
    keep(done, returning());
    ASSERT_NO_FATAL_FAILURE(expect_whole_and_tidy(where));
    ASSERT_LT(at, requests_max);
  }
  EXPECT_GT(succeeded, 20);
}

TEST_F(Meeting, AWholeBackupWithinAnyRequestOfAPrune) {
  for (int at = 1;; ++at) {
    prepare();
    const auto hook = std::make_shared<Hooked::Hook>();
    hook->at = at;
    Result<Record> backup;
    hook->call = [&] { backup = back_up(*open(), returning()); };
    const auto repository = open(std::make_unique<Hooked>(backend(), hook));
    const auto pruned = prune_in(*repository, impatient());
    if (hook->requests < at) break;
    const std::string where = "request " + std::to_string(at);
    ASSERT_TRUE(pruned) << where << ": " << pruned.error().message;
    ASSERT_TRUE(backup) << where << ": " << backup.error().message;
    keep(backup, returning());
    ASSERT_NO_FATAL_FAILURE(expect_whole_and_tidy(where));
    ASSERT_LT(at, requests_max);
  }
}

TEST_F(Meeting, AWriterThatBeginsWithinAnyRequestOfAPruneAndEndsAfterTwoMore) {
  for (int at = 1;; ++at) {
    prepare();
    const auto hook = std::make_shared<Hooked::Hook>();
    hook->at = at;
    const auto writing = open();
    Result<std::unique_ptr<BackupWriter>> writer;
    hook->call = [&] { writer = begin_backup(*writing, returning()); };
    const auto repository = open(std::make_unique<Hooked>(backend(), hook));
    const auto pruned = prune_in(*repository, impatient());
    if (hook->requests < at) break;
    const std::string where = "request " + std::to_string(at);
    ASSERT_TRUE(pruned) << where << ": " << pruned.error().message;
    ASSERT_TRUE(writer) << where << ": " << writer.error().message;
    for (int round = 0; round < 2; ++round) {
      const auto again = prune_in(*open(), impatient());
      ASSERT_TRUE(again) << where << ": " << again.error().message;
    }
    const auto done = (*writer)->finish(test_record());
    ASSERT_TRUE(done) << where << ": " << done.error().message;
    writer->reset();
    keep(done, returning());
    ASSERT_NO_FATAL_FAILURE(expect_whole_and_tidy(where));
    ASSERT_LT(at, requests_max);
  }
}

TEST_F(Meeting, AWriterWhosePacksWereSweptFailsAtItsEnd) {
  prepare();
  const auto repository = open();
  auto writer = begin_backup(*repository, returning()).value();
  pass(31min);
  prune_now();
  pass(25h);
  EXPECT_GT(prune_now().deleted.packs, 0U);
  const auto done = writer->finish(test_record());
  EXPECT_EQ(done.error().code, Errc::locked);
  writer.reset();
  EXPECT_EQ(open()->list_files(FileKind::record).value().size(), 1U);
  expect_whole_and_tidy("afterwards");
  // And the same repository may go on.
  keep(back_up(*repository, returning()), returning());
  EXPECT_EQ(kept_.size(), 2U);
  expect_whole(kept_);
}

}  // namespace
}  // namespace stillpoint::repository

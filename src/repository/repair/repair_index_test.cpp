// SPDX-License-Identifier: Apache-2.0
#include "repository/repair/repair_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "repository/lock.h"
#include "repository/repair/testing.h"

namespace stillpoint::repository {
namespace {

using storage::PutMode;
using testing::HasSubstr;
using testing::IsEmpty;
using namespace std::chrono_literals;

class RepairIndexTest : public RepairCase {
 protected:
  RepairIndexTest() {
    begin_anew();
    for (const Blocks& blocks : {range(1, 20), range(30, 50)}) kept_[back_up(blocks).id] = blocks;
  }
  static RepairIndexOptions options(bool read_all = false, bool dry_run = false) {
    RepairIndexOptions chosen;
    chosen.read_all_packs = read_all;
    chosen.dry_run = dry_run;
    chosen.switch_wait = {};
    return chosen;
  }
  RepairIndexReport repair(const RepairIndexOptions& chosen = options()) const {
    std::atomic<std::uint64_t> total = 0;
    std::atomic<std::uint64_t> done = 0;
    const auto repository = open();
    auto report = repair_index(*repository, chosen, {total, done}, {});
    EXPECT_TRUE(report) << report.error().message;
    return report ? *report : RepairIndexReport();
  }

  std::map<Id, Blocks> kept_;
};

TEST_F(RepairIndexTest, AGoodIndexIsLeftAlone) {
  const auto before = names("");
  EXPECT_FALSE(repair().changes());
  const RepairIndexReport all = repair(options(true));
  EXPECT_FALSE(all.changes());
  EXPECT_EQ(all.packs_read, names("data/").size());
  EXPECT_EQ(names(""), before);
}

TEST_F(RepairIndexTest, ALostIndexIsMadeAnewFromThePacks) {
  for (const std::string& name : names("index/")) ASSERT_TRUE(backend()->remove(name));
  EXPECT_FALSE(check_all().ok());
  EXPECT_EQ(repair(options(false, true)).added.packs, names("data/").size());
  EXPECT_TRUE(names("index/").empty());
  EXPECT_EQ(repair().added.packs, names("data/").size());
  expect_whole(kept_);
}

TEST_F(RepairIndexTest, AnIndexFileThatCannotBeReadIsReplaced) {
  const auto files = names("index/");
  const Bytes whole = backend()->get(files[0]).value();
  ASSERT_TRUE(backend()->put(files[0], ByteView(whole).first(40), PutMode::replace));
  const RepairIndexReport report = repair();
  ASSERT_EQ(report.unreadable_indexes.size(), 1U);
  EXPECT_THAT(report.unreadable_indexes[0], HasSubstr(files[0].substr(6)));
  EXPECT_GT(report.added.packs, 0U);
  EXPECT_FALSE(backend()->stat(files[0]));
  expect_whole(kept_);
}

TEST_F(RepairIndexTest, PacksThatAreGoneLeaveTheIndexAndAreNamed) {
  const std::string lost = names("data/").at(0);
  ASSERT_TRUE(backend()->remove(lost));
  const RepairIndexReport report = repair();
  ASSERT_EQ(report.missing.size(), 1U);
  EXPECT_THAT(lost, HasSubstr(report.missing[0]));
  const auto repository = open();
  ASSERT_TRUE(repository->load_index({}));
  Id id;
  ASSERT_TRUE(Id::parse(report.missing[0], id));
  EXPECT_FALSE(repository->index().has_pack(id));
  EXPECT_EQ(repository->index().pack_count(), names("data/").size());
  EXPECT_FALSE(repair().changes());
}

TEST_F(RepairIndexTest, EntriesThatContradictThePackAreCorrected) {
  alter_index([](IndexedPack& pack) { pack.blobs.pop_back(); });
  EXPECT_FALSE(check_all().ok());
  EXPECT_GT(repair().corrected.packs, 0U);
  expect_whole(kept_);
  // The same size, but other places: only reading shows it.
  alter_index([](IndexedPack& pack) {
    if (pack.blobs.size() > 1) std::swap(pack.blobs[0].id, pack.blobs[1].id);
  });
  EXPECT_FALSE(check_all().ok());
  EXPECT_FALSE(repair().changes());
  EXPECT_GT(repair(options(true)).corrected.packs, 0U);
  expect_whole(kept_);
}

TEST_F(RepairIndexTest, PacksWhoseHeaderCannotBeReadAreNamedAndLeft) {
  const std::string name = names("data/").at(0);
  const Bytes whole = backend()->get(name).value();
  for (const std::string& index : names("index/")) ASSERT_TRUE(backend()->remove(index));
  ASSERT_TRUE(backend()->put(name, ByteView(whole).first(whole.size() - 3), PutMode::replace));
  const RepairIndexReport report = repair();
  ASSERT_EQ(report.unreadable_packs.size(), 1U);
  EXPECT_THAT(report.unreadable_packs[0], HasSubstr(name.substr(8)));
  EXPECT_TRUE(backend()->stat(name));
  ASSERT_TRUE(backend()->put(name, whole, PutMode::replace));
  EXPECT_EQ(repair().added.packs, 1U);
  expect_whole(kept_);
}

TEST_F(RepairIndexTest, RetiredPacksAreLeftOutUnlessAllAreRead) {
  const Record gone = back_up(range(60, 79));
  forget(gone);
  const std::uint64_t retired = prune_now().retired.packs;
  ASSERT_GT(retired, 0U);
  RepairIndexReport report = repair();
  EXPECT_FALSE(report.changes());
  EXPECT_EQ(report.retired.packs, retired);
  report = repair(options(true));
  EXPECT_EQ(report.added.packs, retired);
  pass(25h);
  EXPECT_EQ(prune_now().deleted.packs, 0U) << "the index names them again";
  expect_whole(kept_);
}

TEST_F(RepairIndexTest, NotWhilePruneIsAtWorkButBesideReaders) {
  const auto other = open();
  {
    const auto lock = Lock::acquire(*other, LockKind::prune, {}).value();
    std::atomic<std::uint64_t> figure = 0;
    EXPECT_EQ(repair_index(*open(), options(), {figure, figure}, {}).error().code, Errc::locked);
  }
  const auto lock = Lock::acquire(*other, LockKind::shared, {}).value();
  for (const std::string& name : names("index/")) ASSERT_TRUE(backend()->remove(name));
  EXPECT_GT(repair().files_written, 0U);
  expect_whole(kept_);
}

}  // namespace
}  // namespace stillpoint::repository

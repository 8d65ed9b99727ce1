// SPDX-License-Identifier: Apache-2.0
#include "repository/prune/prune.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.h"
#include "repository/compression.h"
#include "repository/crypto.h"
#include "repository/lock.h"
#include "repository/prune/testing.h"
#include "repository/retired.h"

namespace stillpoint::repository {
namespace {

using storage::PutMode;
using testing::HasSubstr;
using namespace std::chrono_literals;

class PruneTest : public PruneCase {
 protected:
  PruneTest() { begin_anew(); }

  // One backup that stays, and one that shares some packs with it and is forgotten.
  void forget_one_of_two() {
    const Record gone = back_up(range(1, 40));
    const Record stays = back_up(joined(range(13, 17), range(41, 60)));
    forget(gone);
    kept_ = {{stays.id, joined(range(13, 17), range(41, 60))}};
  }
  std::uint64_t stored_bytes() const {
    std::uint64_t bytes = 0;
    EXPECT_TRUE(backend()->list("data/", [&](const storage::ObjectInfo& info) -> Result<void> {
      bytes += info.bytes;
      return {};
    }));
    return bytes;
  }

  std::map<Id, Blocks> kept_;
};

TEST_F(PruneTest, FreesWhatNobodyNeedsInTwoSteps) {
  forget_one_of_two();
  const auto before = names("data/");
  const PruneReport first = prune_now();
  EXPECT_EQ(first.backups, 1U);
  EXPECT_EQ(first.before.packs, before.size());
  EXPECT_GE(first.retired.packs, 8U);
  EXPECT_GE(first.rewritten.packs, 1U);
  EXPECT_EQ(first.deleted.packs, 0U);
  for (const std::string& name : before) EXPECT_TRUE(backend()->stat(name)) << name;
  expect_whole(kept_);
  EXPECT_EQ(names("retired/").size(), 1U);

  pass(23h);
  EXPECT_EQ(prune_now().deleted.packs, 0U);
  pass(2h);
  const PruneReport second = prune_now();
  EXPECT_EQ(second.deleted.packs, first.retired.packs);
  EXPECT_EQ(second.retired.packs, 0U);
  expect_whole(kept_);
  expect_tidy();
  EXPECT_TRUE(names("retired/").empty());
  EXPECT_LT(stored_bytes(), 27 * (block_bytes + 200));
}

TEST_F(PruneTest, ATestRunChangesNothingAndSaysWhatWouldBe) {
  forget_one_of_two();
  const auto before = names("");
  PruneOptions options = all_unused();
  options.dry_run = true;
  const PruneReport would = prune_now(options);
  EXPECT_EQ(names(""), before);
  const PruneReport did = prune_now();
  EXPECT_EQ(would.retired.packs, did.retired.packs);
  EXPECT_EQ(would.retired.bytes, did.retired.bytes);
  EXPECT_EQ(would.rewritten.packs, did.rewritten.packs);
  EXPECT_EQ(would.bytes_copied, did.bytes_copied);
  pass(25h);
  EXPECT_EQ(prune_now(options).deleted.packs, did.retired.packs);
  EXPECT_GT(names("data/").size(), did.retired.packs);
}

TEST_F(PruneTest, WhatMayStayUnusedIsNotRewritten) {
  forget_one_of_two();
  PruneOptions options = all_unused();
  options.unused_max = unused_limit_named("unlimited").value();
  const PruneReport report = prune_now(options);
  EXPECT_EQ(report.rewritten.packs, 0U);
  EXPECT_GT(report.retired.packs, 0U);
  EXPECT_GT(report.bytes_left_unused, 0U);
  expect_whole(kept_);
}

TEST_F(PruneTest, AnotherPruneFindsNothingMoreToDo) {
  forget_one_of_two();
  prune_now();
  const auto before = names("");
  const PruneReport again = prune_now();
  EXPECT_EQ(again.retired.packs, 0U);
  EXPECT_EQ(again.rewritten.packs, 0U);
  EXPECT_GT(again.waiting.packs, 0U);
  ASSERT_TRUE(again.deleted_from);
  EXPECT_EQ(names(""), before);
}

TEST_F(PruneTest, OnlyIndexFilesThatNameRetiredPacksAreReplaced) {
  const Record gone = back_up(range(1, 40));
  const auto first = names("index/");
  const Record stays = back_up(range(41, 60));
  const auto both = names("index/");
  forget(gone);
  prune_now();
  const auto after = names("index/");
  EXPECT_EQ(after.size(), 1U);
  EXPECT_NE(after, first);
  EXPECT_TRUE(std::find(both.begin(), both.end(), after[0]) != both.end());
  expect_whole({{stays.id, range(41, 60)}});
}

TEST_F(PruneTest, RefusesWhereSomethingNeededIsMissing) {
  forget_one_of_two();
  const auto repository = open();
  ASSERT_TRUE(repository->load_index({}));
  const Bytes block = bytes_of({50});
  const Id pack = repository->index().find(BlobType::data, base::sha256(block))->pack;
  const std::string name = name_of_file(FileKind::pack, pack);
  const Bytes whole = backend()->get(name).value();
  for (const std::size_t left : {std::size_t{0}, whole.size() / 2}) {
    ASSERT_TRUE(backend()->remove(name));
    if (left > 0) {
      ASSERT_TRUE(backend()->put(name, ByteView(whole).first(left), PutMode::replace));
    }
    const auto before = names("");
    const auto refused = prune_in(*open(), all_unused());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::corrupt);
    EXPECT_THAT(refused.error().message, HasSubstr(pack.hex()));
    EXPECT_THAT(refused.error().advice, HasSubstr("check"));
    EXPECT_EQ(names(""), before);
  }
}

TEST_F(PruneTest, RefusesWhereAFolderOfABackupIsInNoIndex) {
  forget_one_of_two();
  Record lost = test_record();
  lost.tree = base::sha256(bytes_of({1}));
  ASSERT_TRUE(open()->save_file(FileKind::record, encode_record(lost)));
  const auto before = names("");
  const auto refused = prune_in(*open(), all_unused());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::corrupt);
  EXPECT_THAT(refused.error().advice, HasSubstr("repair index"));
  EXPECT_EQ(names(""), before);
}

TEST_F(PruneTest, PacksThatAreGoneAndNeededByNobodyLeaveTheIndex) {
  const Record gone = back_up(range(1, 20));
  const auto lost = names("data/");
  const Record stays = back_up(range(41, 60));
  forget(gone);
  for (const std::string& name : lost) ASSERT_TRUE(backend()->remove(name));
  EXPECT_FALSE(check_all().ok());
  EXPECT_EQ(prune_now().packs_missing, lost.size());
  expect_whole({{stays.id, range(41, 60)}});
  expect_tidy();
}

TEST_F(PruneTest, OrphanedPacksWaitAsLongAsOthers) {
  forget_one_of_two();
  const Record gone = back_up(range(100, 140));
  forget(gone);
  for (const std::string& name : names("index/")) {
    // The last backup's packs are in no index without that file, as after a kill.
    const Bytes copy = backend()->get(name).value();
    ASSERT_TRUE(backend()->remove(name));
    const auto without = open();
    ASSERT_TRUE(without->load_index({}));
    if (!without->index().contains(BlobType::data, base::sha256(bytes_of({120})))) break;
    ASSERT_TRUE(backend()->put(name, copy, PutMode::create_only));
  }
  const PruneReport first = prune_now();
  EXPECT_GE(first.orphaned.packs, 8U);
  expect_whole(kept_);
  EXPECT_EQ(prune_now().orphaned.packs, 0U) << "they are retired already";
  pass(25h);
  EXPECT_EQ(prune_now().deleted.packs, first.retired.packs);
  expect_whole(kept_);
  expect_tidy();
}

TEST_F(PruneTest, WithoutGraceAllIsDeletedAtOnceButOnlyAlone) {
  forget_one_of_two();
  PruneOptions options = all_unused();
  options.grace = {};
  const auto other = open();
  {
    const auto lock = Lock::acquire(*other, LockKind::shared, {}).value();
    EXPECT_EQ(prune_in(*open(), options).error().code, Errc::locked);
  }
  const PruneReport report = prune_now(options);
  EXPECT_EQ(report.deleted.packs, report.retired.packs);
  EXPECT_EQ(report.waiting.packs, 0U);
  expect_whole(kept_);
  expect_tidy();
  EXPECT_LT(stored_bytes(), 27 * (block_bytes + 200));
}

TEST_F(PruneTest, ResticIsWaitedForAndNothingIsLostWhenItStays) {
  forget_one_of_two();
  LockFile restic;
  restic.time = base::now();
  restic.host = {"elsewhere", "u", 1, 1, 4711};
  const auto repository = open();
  const Id lock = repository->save_file(FileKind::lock, encode_lock(restic)).value();
  const auto before = names("index/");
  const auto refused = prune_in(*open(), all_unused());
  EXPECT_EQ(refused.error().code, Errc::locked);
  for (const std::string& name : before) EXPECT_TRUE(backend()->stat(name)) << name;
  expect_whole(kept_);
  ASSERT_TRUE(repository->remove_file(FileKind::lock, lock));
  EXPECT_EQ(prune_now().rewritten.packs, 0U) << "what was copied is not copied again";
  pass(25h);
  prune_now();
  expect_whole(kept_);
  expect_tidy();
}

TEST_F(PruneTest, NothingIsDeletedUnderALockThatBeganBefore) {
  forget_one_of_two();
  const auto reader = open();
  const auto lock = Lock::acquire(*reader, LockKind::shared, {}).value();
  prune_now();
  for (int refreshes = 0; refreshes < 51; ++refreshes) {
    pass(29min);
    ASSERT_TRUE(lock->refresh());
  }
  const PruneReport held_up = prune_now();
  EXPECT_EQ(held_up.deleted.packs, 0U);
  ASSERT_EQ(held_up.held_up_by.size(), 1U);
  EXPECT_THAT(held_up.held_up_by[0], HasSubstr(std::to_string(::getpid())));
  const auto young = open();
  const auto later = Lock::acquire(*young, LockKind::shared, {}).value();
  pass(31min);  // the first lock is stale now
  ASSERT_TRUE(later->refresh().error().code == Errc::locked);
  EXPECT_GT(prune_now().deleted.packs, 0U);
  expect_whole(kept_);
}

TEST_F(PruneTest, ALockThatBeganLaterHoldsNothingUp) {
  forget_one_of_two();
  prune_now();
  pass(25h);
  const auto reader = open();
  const auto lock = Lock::acquire(*reader, LockKind::shared, {}).value();
  EXPECT_GT(prune_now().deleted.packs, 0U);
}

TEST_F(PruneTest, WhatAnInterruptedRunCopiedIsNotCopiedAgain) {
  forget_one_of_two();
  const auto before = names("data/");
  {
    // It ends at the list of retired packs: all has been copied by then.
    class Failing : public storage::Decorator {
     public:
      using Decorator::Decorator;
      Result<void> put(std::string_view name, ByteView bytes, PutMode mode) override {
        if (name.starts_with("retired/")) return fail(Errc::unavailable, "made to order");
        return Decorator::put(name, bytes, mode);
      }
    };
    EXPECT_FALSE(prune_in(*open(std::make_unique<Failing>(backend())), all_unused()));
  }
  EXPECT_GT(names("data/").size(), before.size());
  expect_whole(kept_);
  const PruneReport report = prune_now();
  EXPECT_EQ(report.rewritten.packs, 0U);
  EXPECT_EQ(report.retired.packs, before.size() - 5);  // the other backup's own
  pass(25h);
  prune_now();
  expect_whole(kept_);
  expect_tidy();
}

TEST_F(PruneTest, ABackupWhoseWriterWasKilledBeforeItCouldNameItsPacksAgainIsKept) {
  const Record record = back_up(range(1, 40));
  const std::string name = name_of_file(FileKind::record, record.id);
  const Bytes bytes = backend()->get(name).value();
  forget(record);
  prune_now();
  ASSERT_TRUE(backend()->put(name, bytes, PutMode::create_only));
  EXPECT_FALSE(check_all().ok());
  pass(25h);
  const PruneReport report = prune_now();
  EXPECT_GT(report.rescued.packs, 0U);
  EXPECT_EQ(report.deleted.packs, 0U);
  expect_whole({{record.id, range(1, 40)}});
  pass(25h);
  prune_now();
  expect_whole({{record.id, range(1, 40)}});
  expect_tidy();
}

TEST_F(PruneTest, ADamagedListOfRetiredPacksStopsBackupsUntilPruneWritesItAnew) {
  forget_one_of_two();
  const std::uint64_t retired = prune_now().retired.packs;
  const std::string name = names("retired/").at(0);
  Bytes bytes = backend()->get(name).value();
  bytes[bytes.size() / 2] ^= 1;
  ASSERT_TRUE(backend()->put(name, bytes, PutMode::replace));
  EXPECT_FALSE(check_all().ok());
  const auto refused = back_up(*open(), range(1, 3));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::corrupt);
  EXPECT_THAT(refused.error().advice, HasSubstr("stillpoint prune"));
  pass(25h);
  const PruneReport anew = prune_now();
  EXPECT_EQ(anew.deleted.packs, 0U);
  EXPECT_EQ(anew.orphaned.packs, retired);
  EXPECT_FALSE(backend()->stat(name));
  EXPECT_TRUE(back_up(*open(), range(41, 43)));
  expect_whole(kept_);
  pass(25h);
  EXPECT_EQ(prune_now().deleted.packs, retired);
}

TEST_F(PruneTest, ANewBackupDoesNotRelyOnRetiredPacks) {
  forget_one_of_two();
  prune_now();
  const Record again = back_up(range(1, 40));
  kept_[again.id] = range(1, 40);
  pass(25h);
  EXPECT_GT(prune_now().deleted.packs, 0U);
  expect_whole(kept_);
}

TEST_F(PruneTest, ARepositoryOpenForLongForgetsWhatWasPrunedMeanwhile) {
  const Record gone = back_up(range(1, 40));
  const auto longer = open();
  ASSERT_TRUE(longer->load_index({}));
  forget(gone);
  PruneOptions options = all_unused();
  options.grace = {};
  prune_now(options);
  const Record again = back_up(*longer, range(1, 40)).value();
  expect_whole({{again.id, range(1, 40)}});
}

TEST_F(PruneTest, SmallPacksArePutTogetherOnRequest) {
  for (std::uint64_t i = 0; i < 6; ++i) kept_[back_up({i}).id] = {i};
  PruneOptions options = all_unused();
  EXPECT_EQ(prune_now(options).rewritten.packs, 0U);
  options.repack_small = true;
  EXPECT_EQ(prune_now(options).rewritten.packs, 12U);
  pass(25h);
  prune_now();
  expect_whole(kept_);
  EXPECT_LE(names("data/").size(), 4U);
}

// The hexadecimal lines of the page that describes the format, from the section retired/.
std::string documented_example() {
  const auto root = std::filesystem::path(__FILE__).parent_path() / "../../..";
  std::ifstream page(root / "docs/formats/repository.md");
  std::string hex;
  bool in_section = false;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("## ")) in_section = line == "## retired/";
    const bool is_hex =
        line.size() > 40 && line.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (in_section && is_hex) hex += line;
  }
  return hex;
}

TEST(Retired, TheExampleOfTheDocumentsIsDecoded) {
  SealKey key;
  for (std::size_t i = 0; i < 32; ++i) key.encrypt[i] = static_cast<Byte>(i);
  for (std::size_t i = 0; i < 16; ++i) key.mac_k[i] = static_cast<Byte>(0x20 + i);
  ASSERT_TRUE(base::from_hex("303132033435360738393a0b3c3d3e0f", key.mac_r));
  const std::string hex = documented_example();
  Bytes sealed(hex.size() / 2);
  ASSERT_TRUE(base::from_hex(hex, sealed));
  const Bytes plain = unseal(key, sealed).value();
  ASSERT_EQ(plain.at(0), 2);
  const Bytes text = decompress_stream(ByteView(plain).subspan(1), 1000).value();
  const Retired retired = decode_retired(text).value();
  EXPECT_EQ(base::format_time(retired.time), "2026-11-21T08:30:00.000000001Z");
  EXPECT_EQ(retired.packs, std::vector<Id>{base::sha256(base::view_of("one"))});
  EXPECT_EQ(encode_retired(retired), base::text_of(text));
}

TEST(Retired, IsReadAsItWasWritten) {
  Retired retired;
  retired.time = base::parse_time("2026-11-21T08:30:00.000000001Z").value();
  retired.packs = {base::sha256(random_bytes(1, 3)), base::sha256(random_bytes(2, 3))};
  const Retired again = decode_retired(base::view_of(encode_retired(retired))).value();
  EXPECT_EQ(again.time, retired.time);
  EXPECT_EQ(again.packs, retired.packs);
  for (const char* wrong :
       {"", "[]", "{}", R"({"time":"2026-11-21T08:30:00Z"})",
        R"({"time":"2026-11-21T08:30:00Z","packs":{}})",
        R"({"time":"2026-11-21T08:30:00Z","packs":["ab"]})", R"({"time":3,"packs":[]})"}) {
    EXPECT_EQ(decode_retired(base::view_of(wrong)).error().code, Errc::corrupt) << wrong;
  }
}

}  // namespace
}  // namespace stillpoint::repository

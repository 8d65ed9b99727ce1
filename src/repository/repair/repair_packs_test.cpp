// SPDX-License-Identifier: Apache-2.0
#include "repository/repair/repair_packs.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "repository/lock.h"
#include "repository/repair/repair_index.h"
#include "repository/repair/testing.h"
#include "repository/retired.h"
#include "storage/decorators/counting.h"
#include "storage/decorators/faulty.h"

namespace stillpoint::repository {
namespace {

using storage::Fault;
using storage::PutMode;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using namespace std::chrono_literals;

class RepairPacksTest : public RepairCase {
 protected:
  RepairPacksTest() { prepare(); }
  void prepare() {
    begin_anew();
    kept_.clear();
    for (const Blocks& blocks : {range(1, 20), range(30, 50)}) kept_[back_up(blocks).id] = blocks;
  }
  void expect_all_read(std::uint64_t block) {
    const auto repository = open();
    ASSERT_TRUE(repository->load_index({}));
    EXPECT_TRUE(repository->load_blob(BlobType::data, id_of(block))) << block;
  }

  std::map<Id, Blocks> kept_;
};

TEST_F(RepairPacksTest, ASoundRepositoryIsLeftAlone) {
  const auto before = names("");
  const RepairPacksReport report = repair_now();
  EXPECT_EQ(report.packs_read, names("data/").size());
  EXPECT_THAT(report.damaged, IsEmpty());
  const std::string one = names("data/")[0].substr(8);
  EXPECT_THAT(repair_now({one.substr(0, 12)}).sound, ElementsAre(one));
  EXPECT_EQ(names(""), before);
}

TEST_F(RepairPacksTest, OfAPackWithOneFlippedByteAllOtherBlobsAreSaved) {
  const std::string name = pack_of(7);
  flip(name, 7);
  const auto complaints = check_all().errors;
  ASSERT_FALSE(complaints.empty());
  const RepairPacksReport report = repair_now();
  ASSERT_THAT(report.damaged, SizeIs(1));
  EXPECT_THAT(report.damaged[0], HasSubstr(name.substr(8)));
  EXPECT_THAT(complaints[0], HasSubstr(name.substr(8)));
  EXPECT_EQ(report.blobs_saved, 4U);
  EXPECT_EQ(report.retired.packs, 1U);
  EXPECT_THAT(report.lost, ElementsAre(id_of(7).hex()));
  EXPECT_TRUE(backend()->stat(name)) << "it is deleted by a later prune only";
  EXPECT_THAT(check_all().errors, SizeIs(1)) << "that the lost chunk is in no index";
  for (std::uint64_t block = 1; block <= 20; ++block) {
    if (block != 7) expect_all_read(block);
  }
  EXPECT_THAT(repair_now().damaged, IsEmpty());
  // What the same data stores again is whole again, for older backups, too.
  back_up(range(1, 20));
  expect_whole(kept_);
  pass(25h);
  prune_now();
  EXPECT_FALSE(backend()->stat(name));
  expect_whole(kept_);
}

TEST_F(RepairPacksTest, NothingIsLostWithTheHeaderOrTheIndexAlone) {
  const std::string name = pack_of(7);
  const Bytes whole = backend()->get(name).value();
  Bytes bytes = whole;
  bytes[bytes.size() - 10] ^= 1;
  put(name, bytes);
  EXPECT_FALSE(check_all().ok());
  RepairPacksReport report = repair_now();
  EXPECT_EQ(report.blobs_saved, 5U);
  EXPECT_EQ(report.blobs_lost, 0U);
  expect_whole(kept_);
  // The other way round: the index says that blobs lie elsewhere.
  alter_index([](IndexedPack& pack) {
    if (pack.blobs.size() > 1) std::swap(pack.blobs[0].id, pack.blobs[1].id);
  });
  EXPECT_FALSE(check_all().ok());
  report = repair_now();
  EXPECT_GT(report.retired.packs, 5U);
  EXPECT_EQ(report.blobs_lost, 0U);
  expect_whole(kept_);
}

TEST_F(RepairPacksTest, OfAShortenedPackTheBlobsAtItsFrontAreSaved) {
  const std::string name = pack_of(7);
  const Bytes whole = backend()->get(name).value();
  put(name, ByteView(whole).first(2 * (block_bytes + seal_overhead) + 100));
  const RepairPacksReport report = repair_now({name.substr(8, 10)});
  EXPECT_EQ(report.blobs_saved, 2U);
  EXPECT_EQ(report.blobs_lost, 3U);
  back_up(range(1, 20));
  expect_whole(kept_);
}

TEST_F(RepairPacksTest, AMissingPackLeavesTheIndex) {
  const std::string name = pack_of(7);
  ASSERT_TRUE(backend()->remove(name));
  const RepairPacksReport report = repair_now();
  EXPECT_THAT(report.damaged, ElementsAre(name.substr(8) + ": it is missing"));
  EXPECT_EQ(report.retired.packs, 0U);
  EXPECT_EQ(report.blobs_lost, 5U);
  back_up(range(1, 20));
  expect_whole(kept_);
}

TEST_F(RepairPacksTest, ACopyInAnotherPackIsReliedOnIfItIsWhole) {
  const std::string name = pack_of(7);
  const std::string copy = store_copy(range(6, 8));
  flip(name, 7);
  RepairPacksReport report = repair_now({name.substr(8)});
  EXPECT_EQ(report.blobs_lost, 0U);
  EXPECT_EQ(report.blobs_elsewhere, 3U);
  EXPECT_EQ(report.blobs_saved, 2U);
  expect_whole(kept_);

  prepare();
  const std::string again = pack_of(7);
  const std::string worse = store_copy(range(6, 8));
  flip(again, 7);
  flip_at(worse, 10);  // block 6
  report = repair_now({again.substr(8)});
  EXPECT_EQ(report.blobs_elsewhere, 2U);
  EXPECT_EQ(report.blobs_saved, 3U) << "the copy of block 6 is not whole";
  EXPECT_EQ(report.blobs_lost, 0U);
  report = repair_now();
  EXPECT_THAT(report.damaged, SizeIs(1));
  EXPECT_EQ(report.blobs_saved, 2U);
  expect_whole(kept_);
}

TEST_F(RepairPacksTest, TwoDamagedPacksHelpOneAnother) {
  const std::string name = pack_of(7);
  const std::string copy = store_copy(range(6, 8));
  flip(name, 7);
  flip_at(copy, 10);
  const RepairPacksReport report = repair_now();
  EXPECT_THAT(report.damaged, SizeIs(2));
  EXPECT_EQ(report.blobs_saved, 5U);
  EXPECT_EQ(report.blobs_lost, 0U);
  expect_whole(kept_);
}

TEST_F(RepairPacksTest, ATestRunChangesNothing) {
  flip(pack_of(7), 7);
  const auto before = names("");
  RepairPacksOptions options = repair_options();
  options.dry_run = true;
  const RepairPacksReport would = repair(*open(), options).value();
  EXPECT_EQ(names(""), before);
  const RepairPacksReport did = repair_now();
  EXPECT_EQ(would.damaged, did.damaged);
  EXPECT_EQ(would.blobs_saved, did.blobs_saved);
  EXPECT_EQ(would.lost, did.lost);
  EXPECT_EQ(would.retired.bytes, did.retired.bytes);
}

TEST_F(RepairPacksTest, APackThatIsNotThereOrNotUniqueIsNotGuessed) {
  const auto refused = [&](const std::string& front) {
    return repair(*open(), repair_options({front})).error();
  };
  EXPECT_EQ(refused("zz").code, Errc::not_found);
  EXPECT_EQ(refused("").code, Errc::not_found);
  std::array<int, 16> begin_with = {};
  std::string shared;
  for (std::uint64_t number = 100; shared.empty(); ++number) {
    back_up({number});
    begin_with = {};
    for (const std::string& name : names("data/")) {
      const std::size_t digit = std::string("0123456789abcdef").find(name[8]);
      if (++begin_with[digit] == 2) shared = name.substr(8, 1);
    }
  }
  EXPECT_EQ(refused(shared).code, Errc::invalid);
  flip(pack_of(7), 7);
  const std::string name = pack_of(7).substr(8);
  repair_now();
  EXPECT_THAT(refused(name).message, HasSubstr("retired"));
}

TEST_F(RepairPacksTest, PruneDoesNotBringADamagedPackBack) {
  const std::string name = pack_of(7);
  flip(name, 7);
  repair_now();
  const auto refused = prune_in(*open(), all_unused());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::corrupt);
  EXPECT_THAT(refused.error().advice, HasSubstr("repair snapshots"));
  const auto repository = open();
  ASSERT_TRUE(repository->load_index({}));
  Id pack;
  ASSERT_TRUE(Id::parse(name.substr(8), pack));
  EXPECT_FALSE(repository->index().has_pack(pack));
}

TEST_F(RepairPacksTest, NotWhilePruneIsAtWorkButBesideReaders) {
  flip(pack_of(7), 7);
  const auto other = open();
  {
    const auto lock = Lock::acquire(*other, LockKind::prune, {}).value();
    EXPECT_EQ(repair(*open(), repair_options()).error().code, Errc::locked);
  }
  const auto lock = Lock::acquire(*other, LockKind::shared, {}).value();
  EXPECT_EQ(repair_now().blobs_saved, 4U);
}

TEST_F(RepairPacksTest, ResticIsWaitedForAndNothingIsRetiredWhenItStays) {
  flip(pack_of(7), 7);
  LockFile restic;
  restic.time = base::now();
  restic.host = {"elsewhere", "u", 1, 1, 4711};
  const auto repository = open();
  const Id lock = repository->save_file(FileKind::lock, encode_lock(restic)).value();
  EXPECT_EQ(repair(*open(), repair_options()).error().code, Errc::locked);
  EXPECT_TRUE(names("retired/").empty());
  ASSERT_TRUE(repository->remove_file(FileKind::lock, lock));
  const RepairPacksReport report = repair_now();
  EXPECT_EQ(report.blobs_saved, 0U) << "the first run has saved them";
  EXPECT_EQ(report.blobs_elsewhere, 4U);
}

TEST(RetiredAsDamaged, IsReadAsItWasWritten) {
  Retired retired;
  retired.time = base::parse_time("2026-11-21T08:30:00.000000001Z").value();
  retired.packs = {base::sha256(random_bytes(1, 3))};
  EXPECT_FALSE(decode_retired(base::view_of(encode_retired(retired)))->damaged);
  retired.damaged = true;
  EXPECT_TRUE(decode_retired(base::view_of(encode_retired(retired)))->damaged);
}

// Cut off or failing at every request: what could be read stays readable, and the next run ends it.
class RepairFaultSweep : public RepairPacksTest,
                         public ::testing::WithParamInterface<std::pair<Fault::Kind, int>> {};

TEST_P(RepairFaultSweep, NothingThatCouldBeReadIsLostAndTheNextRunSucceeds) {
  const auto [kind, times] = GetParam();
  for (int n = 1;; ++n) {
    prepare();
    flip(pack_of(7), 7);
    const auto counters = std::make_shared<storage::Counters>();
    const auto attempt = [&]() -> Result<RepairPacksReport> {
      Fault fault;
      fault.at = n;
      fault.times = times;
      fault.kind = kind;
      auto counting = std::make_unique<storage::Counting>(backend(), counters);
      const auto repository = TRY(Repository::open(
          std::make_unique<storage::Faulty>(std::move(counting), std::vector{fault}),
          test_password()));
      return repair(*repository, repair_options());
    };
    const auto done = attempt();
    const std::string where = "request " + std::to_string(n);
    for (std::uint64_t block = 1; block <= 20; ++block) {
      if (block == 7) continue;
      const auto repository = open();
      ASSERT_TRUE(repository->load_index({})) << where;
      ASSERT_TRUE(repository->load_blob(BlobType::data, id_of(block))) << where << " " << block;
    }
    pass(1h);  // a lock that could not be removed
    ASSERT_TRUE(repair(*open(), repair_options())) << where;
    back_up(range(1, 20));
    pass(25h);
    ASSERT_TRUE(prune_in(*open(), all_unused())) << where;
    pass(25h);
    ASSERT_TRUE(prune_in(*open(), all_unused())) << where;
    ASSERT_NO_FATAL_FAILURE(expect_whole(kept_, where));
    ASSERT_NO_FATAL_FAILURE(expect_tidy(where));
    const std::uint64_t requests =
        counters->puts + counters->gets + counters->stats + counters->lists + counters->removes;
    if (done && requests < static_cast<std::uint64_t>(n)) break;
    ASSERT_LT(n, 400);
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, RepairFaultSweep,
                         ::testing::Values(std::pair(Fault::Kind::before, 1),
                                           std::pair(Fault::Kind::after, 1),
                                           std::pair(Fault::Kind::before, 1'000'000)));

// A writer that relies on what is found damaged while it is at that request fails, or is whole; the
// next run of it is whole.
TEST_F(RepairPacksTest, ARepairWithinAnyRequestOfAWriter) {
  int failed = 0;
  for (int at = 1;; ++at) {
    prepare();
    flip(pack_of(7), 7);
    const auto hook = std::make_shared<Hooked::Hook>();
    hook->at = at;
    Result<RepairPacksReport> repaired;
    hook->call = [&] { repaired = repair(*open(), repair_options()); };
    const auto repository = open(std::make_unique<Hooked>(backend(), hook));
    const auto done = back_up(*repository, range(5, 9));
    if (hook->requests < at) break;
    const std::string where = "request " + std::to_string(at);
    ASSERT_TRUE(repaired) << where << ": " << repaired.error().message;
    if (!done) {
      ++failed;
      ASSERT_EQ(done.error().code, Errc::unavailable) << where << ": " << done.error().message;
      ASSERT_EQ(open()->list_files(FileKind::record)->size(), 2U) << where;
    }
    const auto again = back_up(*open(), range(5, 9));
    ASSERT_TRUE(again) << where << ": " << again.error().message;
    if (done) kept_[done->id] = range(5, 9);
    kept_[again->id] = range(5, 9);
    back_up(range(1, 20));
    ASSERT_NO_FATAL_FAILURE(expect_whole(kept_, where));
    ASSERT_LT(at, 400);
  }
  EXPECT_GT(failed, 3);
}

TEST_F(RepairPacksTest, AWholeBackupWithinAnyRequestOfARepair) {
  for (int at = 1;; ++at) {
    prepare();
    flip(pack_of(7), 7);
    const auto hook = std::make_shared<Hooked::Hook>();
    hook->at = at;
    Result<Record> backup;
    hook->call = [&] { backup = back_up(*open(), joined(range(5, 9), range(80, 84))); };
    const auto repository = open(std::make_unique<Hooked>(backend(), hook));
    const auto repaired = repair(*repository, repair_options());
    if (hook->requests < at) break;
    const std::string where = "request " + std::to_string(at);
    ASSERT_TRUE(repaired) << where << ": " << repaired.error().message;
    ASSERT_TRUE(backup) << where << ": " << backup.error().message;
    kept_[backup->id] = joined(range(5, 9), range(80, 84));
    back_up(range(1, 20));
    ASSERT_NO_FATAL_FAILURE(expect_whole(kept_, where));
    pass(25h);
    prune_now();
    ASSERT_NO_FATAL_FAILURE(expect_whole(kept_, where));
    ASSERT_LT(at, 400);
  }
}

}  // namespace
}  // namespace stillpoint::repository

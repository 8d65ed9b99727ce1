// SPDX-License-Identifier: Apache-2.0
#include "repository/repair/repair_snapshots.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "repository/json_read.h"
#include "repository/lock.h"
#include "repository/repair/testing.h"
#include "storage/decorators/counting.h"
#include "storage/decorators/faulty.h"

namespace stillpoint::repository {
namespace {

using storage::Fault;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using namespace std::chrono_literals;

// Files of blocks, by path.
using Files = std::map<std::string, std::vector<std::uint64_t>>;

class RepairSnapshotsTest : public RepairCase {
 protected:
  RepairSnapshotsTest() { prepare(); }
  void prepare() {
    begin_anew();
    hurt_ = back_up_files(hurt_files_);
    whole_ = back_up_files(whole_files_);
  }
  Record back_up_files(const Files& files) const {
    const auto repository = open();
    const WriteOptions options{Compression::off, pack_bytes, 1};
    const auto writer = BackupWriter::begin(*repository, options, {}).value();
    for (const auto& [path, blocks] : files) {
      FileWriter file(writer->blobs(), block_bytes);
      EXPECT_TRUE(file.write(0, bytes_of(blocks)));
      EXPECT_TRUE(writer->add_file(path, file.finish().value()));
    }
    return writer->finish(test_record()).value();
  }
  // The block is lost: its pack is damaged, and the others' copies are made.
  void lose(std::uint64_t block) const {
    flip(pack_of(block), block);
    ASSERT_EQ(repair_now().blobs_lost, 1U);
  }
  void lose_tree(const Id& tree) const {
    const auto repository = open();
    ASSERT_TRUE(repository->load_index({}));
    const auto place = repository->index().find(BlobType::tree, tree);
    ASSERT_TRUE(place);
    flip_at(name_of_file(FileKind::pack, place->pack), place->blob.offset + 20);
    ASSERT_GE(repair_now().blobs_lost, 1U);
  }

  static RepairSnapshotsOptions options(bool forget = false) {
    RepairSnapshotsOptions chosen;
    chosen.tags = [](const Record&) { return std::vector<std::string>{"damaged"}; };
    chosen.forget = forget;
    chosen.write = {Compression::off, pack_bytes, 1};
    return chosen;
  }
  static Result<RepairSnapshotsReport> mend(Repository& repository,
                                            const RepairSnapshotsOptions& chosen) {
    return repair_snapshots(repository, chosen, {}, {});
  }
  RepairSnapshotsReport mend_now(const RepairSnapshotsOptions& chosen = options()) const {
    auto report = mend(*open(), chosen);
    EXPECT_TRUE(report) << report.error().message;
    return report ? *report : RepairSnapshotsReport();
  }

  // What a backup holds; every file has to read as it was written.
  Files files_in(const Id& record) const {
    const auto repository = open();
    EXPECT_TRUE(repository->load_index({}));
    const Bytes text = repository->load_file(FileKind::record, record).value();
    const Id tree = decode_record(text)->tree;
    Files files;
    const auto visit = [&](const std::string& path, const Node& node) -> Result<void> {
      if (node.type != NodeType::file) return {};
      const Bytes bytes = TRY(read_whole_file(*repository, node, 1U << 30, {}));
      const auto& was = hurt_files_.contains(path) ? hurt_files_.at(path) : whole_files_.at(path);
      EXPECT_EQ(bytes, bytes_of(was)) << path;
      files[path] = was;
      return {};
    };
    EXPECT_TRUE(walk(*repository, tree, visit, {}));
    return files;
  }

  const Files hurt_files_ = {{"a/one", range(1, 3)},
                             {"a/two", range(4, 6)},
                             {"b/c/three", range(7, 9)},
                             {"top", range(10, 12)}};
  const Files whole_files_ = {{"a/one", range(1, 3)}, {"z", range(20, 25)}};
  Record hurt_;
  Record whole_;
};

TEST_F(RepairSnapshotsTest, WhereNothingLacksNothingIsDone) {
  const auto before = names("");
  const RepairSnapshotsReport report = mend_now(options(true));
  EXPECT_EQ(report.backups, 2U);
  EXPECT_THAT(report.damaged, IsEmpty());
  EXPECT_EQ(names(""), before);
}

TEST_F(RepairSnapshotsTest, AFileThatLacksAChunkIsLeftOutAndAllElseIsKept) {
  lose(8);
  const RepairSnapshotsReport report = mend_now();
  ASSERT_THAT(report.damaged, SizeIs(1));
  const RepairedBackup& one = report.damaged[0];
  EXPECT_EQ(one.record.id, hurt_.id);
  EXPECT_THAT(one.left_out, ElementsAre("b/c/three"));
  ASSERT_TRUE(one.repaired);
  EXPECT_FALSE(one.forgotten);
  Files left = hurt_files_;
  left.erase("b/c/three");
  EXPECT_EQ(files_in(*one.repaired), left);
  EXPECT_EQ(files_in(whole_.id), whole_files_);
  EXPECT_FALSE(check_all().ok()) << "the original is kept";
  forget(hurt_);
  EXPECT_TRUE(check_all().ok());
  pass(25h);
  prune_now();
  EXPECT_EQ(files_in(*one.repaired), left);
}

TEST_F(RepairSnapshotsTest, TheRecordSaysWhatItIsAndKeepsAllElse) {
  const auto repository = open();
  Json json = parse_json(repository->load_file(FileKind::record, hurt_.id).value()).value();
  json["excludes"] = {"*.tmp"};
  const Id odd = repository->save_file(FileKind::record, write_json(json)).value();
  forget(hurt_);
  lose(8);
  const auto report = mend_now();
  ASSERT_THAT(report.damaged, SizeIs(1));
  const Bytes text =
      repository->load_file(FileKind::record, report.damaged[0].repaired.value()).value();
  const Record record = decode_record(text).value();
  EXPECT_EQ(record.original, odd);
  EXPECT_THAT(record.tags, ElementsAre("damaged"));
  EXPECT_EQ(record.time, hurt_.time);
  Json made = parse_json(text).value();
  for (const char* changed : {"tree", "tags", "original"}) {
    made.erase(changed);
    json.erase(changed);
  }
  EXPECT_EQ(made, json);
}

TEST_F(RepairSnapshotsTest, ASecondRunMakesNoSecondRecord) {
  lose(8);
  const auto first = mend_now();
  const auto before = names("snapshots/");
  const auto second = mend_now();
  ASSERT_THAT(second.damaged, SizeIs(1));
  EXPECT_TRUE(second.damaged[0].was_there);
  EXPECT_EQ(second.damaged[0].repaired, first.damaged.at(0).repaired);
  EXPECT_EQ(names("snapshots/"), before);
  EXPECT_TRUE(mend_now(options(true)).damaged.at(0).forgotten);
  EXPECT_THAT(mend_now().damaged, IsEmpty());
  EXPECT_EQ(names("snapshots/").size(), 2U);
  EXPECT_TRUE(check_all().ok());
}

TEST_F(RepairSnapshotsTest, ATestRunChangesNothing) {
  lose(8);
  const auto before = names("");
  RepairSnapshotsOptions chosen = options(true);
  chosen.dry_run = true;
  const auto report = mend_now(chosen);
  ASSERT_THAT(report.damaged, SizeIs(1));
  EXPECT_THAT(report.damaged[0].left_out, ElementsAre("b/c/three"));
  EXPECT_FALSE(report.damaged[0].repaired);
  EXPECT_EQ(names(""), before);
}

TEST_F(RepairSnapshotsTest, OnlyTheNamedOnesAreRepaired) {
  lose(2);  // both need it
  RepairSnapshotsOptions chosen = options(true);
  chosen.backups = {whole_.id};
  const auto report = mend_now(chosen);
  EXPECT_EQ(report.backups, 1U);
  ASSERT_THAT(report.damaged, SizeIs(1));
  EXPECT_EQ(files_in(*report.damaged[0].repaired), (Files{{"z", range(20, 25)}}));
  EXPECT_TRUE(backend()->stat(name_of_file(FileKind::record, hurt_.id)));
}

TEST_F(RepairSnapshotsTest, AFileOfAnotherSizeThanItsChunksIsLeftOut) {
  {
    const auto repository = open();
    const auto writer = BackupWriter::begin(*repository, {Compression::off, pack_bytes, 1}, {});
    FileWriter file((*writer)->blobs(), block_bytes);
    ASSERT_TRUE(file.write(0, bytes_of(range(1, 3))));
    FileContent content = file.finish().value();
    ASSERT_TRUE((*writer)->add_file("a/one", content));
    ++content.size;
    ASSERT_TRUE((*writer)->add_file("z", content));
    ASSERT_TRUE((*writer)->finish(test_record()));
  }
  EXPECT_FALSE(check_all().ok());
  const auto report = mend_now(options(true));
  ASSERT_THAT(report.damaged, SizeIs(1));
  EXPECT_THAT(report.damaged[0].left_out, ElementsAre("z"));
  EXPECT_TRUE(check_all().ok());
}

TEST_F(RepairSnapshotsTest, AFolderThatIsLostIsLeftOut) {
  const auto repository = open();
  ASSERT_TRUE(repository->load_index({}));
  lose_tree(find_node(*repository, hurt_.tree, "b").value().subtree);
  const auto report = mend_now(options(true));
  ASSERT_THAT(report.damaged, SizeIs(1));
  EXPECT_THAT(report.damaged[0].left_out, ElementsAre("b/"));
  Files left = hurt_files_;
  left.erase("b/c/three");
  EXPECT_EQ(files_in(*report.damaged[0].repaired), left);
  EXPECT_TRUE(check_all().ok());
}

TEST_F(RepairSnapshotsTest, OfABackupWhoseRootIsLostNothingIsLeft) {
  lose_tree(hurt_.tree);
  const auto kept = mend_now();
  ASSERT_THAT(kept.damaged, SizeIs(1));
  EXPECT_TRUE(kept.damaged[0].all_lost);
  EXPECT_FALSE(kept.damaged[0].repaired);
  EXPECT_EQ(names("snapshots/").size(), 2U);
  EXPECT_TRUE(mend_now(options(true)).damaged.at(0).forgotten);
  EXPECT_EQ(files_in(whole_.id), whole_files_);
  EXPECT_TRUE(check_all().ok());
}

TEST_F(RepairSnapshotsTest, NothingIsGivenUpThatOnlyTheIndexHasForgotten) {
  for (const std::string& name : names("index/")) ASSERT_TRUE(backend()->remove(name));
  const auto report = mend_now(options(true));
  EXPECT_THAT(report.damaged, IsEmpty());
  EXPECT_EQ(report.rescued.packs, names("data/").size());
  EXPECT_EQ(files_in(hurt_.id), hurt_files_);
  EXPECT_TRUE(check_all().ok());
}

TEST_F(RepairSnapshotsTest, NothingIsGivenUpWhilePacksAreMissingThatTheIndexNames) {
  const std::string name = pack_of(8);
  const Bytes bytes = backend()->get(name).value();
  ASSERT_TRUE(backend()->remove(name));
  const auto before = names("");
  const auto refused = mend(*open(), options(true));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::corrupt);
  EXPECT_THAT(refused.error().advice, HasSubstr("repair packs"));
  EXPECT_EQ(names(""), before);
  put(name, bytes);
  EXPECT_THAT(mend_now(options(true)).damaged, IsEmpty());
}

TEST_F(RepairSnapshotsTest, ADamagedFolderIsForRepairPacksFirst) {
  const auto repository = open();
  ASSERT_TRUE(repository->load_index({}));
  const auto place = repository->index().find(BlobType::tree, hurt_.tree);
  flip_at(name_of_file(FileKind::pack, place->pack), place->blob.offset + 20);
  const auto refused = mend(*open(), options(true));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().advice, HasSubstr("repair packs"));
}

TEST_F(RepairSnapshotsTest, ARecordThatCannotBeReadIsNamedAndLeft) {
  lose(8);
  const std::string name = name_of_file(FileKind::record, whole_.id);
  flip_at(name, 40);
  const auto report = mend_now(options(true));
  ASSERT_THAT(report.unreadable, SizeIs(1));
  EXPECT_THAT(report.unreadable[0], HasSubstr(whole_.id.hex()));
  EXPECT_THAT(report.damaged, SizeIs(1));
  EXPECT_TRUE(backend()->stat(name));
}

// restic writes more into its folders than we do.
TEST_F(RepairSnapshotsTest, WhatOthersWriteIntoAFolderStays) {
  const std::string text =
      R"({"nodes":[)"
      R"({"name":"gone","type":"file","size":1,"content":[]},)"
      R"({"name":"link\"","type":"symlink","linktarget":"/x","mode":134218239},)"
      R"({"name":"sub","type":"dir","subtree":"00","inode":18446744073709551615}]})"
      "\n";
  TreeChange change;
  change.left_out = {"gone"};
  change.folders["sub"] = base::sha256(base::view_of("x"));
  const std::string changed = change_tree(base::view_of(text), change).value();
  Json expected = parse_json(base::view_of(text)).value();
  expected["nodes"].erase(0);
  expected["nodes"][1]["subtree"] = change.folders["sub"].hex();
  EXPECT_EQ(parse_json(base::view_of(changed)).value(), expected);
  EXPECT_TRUE(changed.ends_with("}\n"));
}

TEST_F(RepairSnapshotsTest, NotWhilePruneIsAtWorkButBesideReaders) {
  lose(8);
  const auto other = open();
  {
    const auto lock = Lock::acquire(*other, LockKind::prune, {}).value();
    EXPECT_EQ(mend(*open(), options()).error().code, Errc::locked);
  }
  const auto lock = Lock::acquire(*other, LockKind::shared, {}).value();
  EXPECT_THAT(mend_now().damaged, SizeIs(1));
}

class MendFaultSweep : public RepairSnapshotsTest,
                       public ::testing::WithParamInterface<std::pair<Fault::Kind, int>> {};

TEST_P(MendFaultSweep, AtEveryRequestTheOriginalOrAWholeRepairIsThere) {
  const auto [kind, times] = GetParam();
  Files left = hurt_files_;
  left.erase("b/c/three");
  for (int n = 1;; ++n) {
    prepare();
    lose(8);
    const auto counters = std::make_shared<storage::Counters>();
    const auto attempt = [&]() -> Result<RepairSnapshotsReport> {
      Fault fault;
      fault.at = n;
      fault.times = times;
      fault.kind = kind;
      auto counting = std::make_unique<storage::Counting>(backend(), counters);
      const auto repository = TRY(Repository::open(
          std::make_unique<storage::Faulty>(std::move(counting), std::vector{fault}),
          test_password()));
      return mend(*repository, options(true));
    };
    const auto done = attempt();
    const std::string where = "request " + std::to_string(n);
    const auto records = open()->records({});
    ASSERT_TRUE(records) << where;
    bool there = false;
    for (const Record& record : *records) {
      if (record.id == hurt_.id) there = true;
      if (record.original != hurt_.id) continue;
      there = true;
      ASSERT_EQ(files_in(record.id), left) << where;
    }
    ASSERT_TRUE(there) << where;
    pass(1h);  // a lock that could not be removed
    const auto again = mend(*open(), options(true));
    ASSERT_TRUE(again) << where << ": " << again.error().message;
    ASSERT_EQ(names("snapshots/").size(), 2U) << where;
    ASSERT_TRUE(check_all().ok()) << where;
    ASSERT_EQ(files_in(whole_.id), whole_files_) << where;
    const std::uint64_t requests =
        counters->puts + counters->gets + counters->stats + counters->lists + counters->removes;
    if (done && requests < static_cast<std::uint64_t>(n)) break;
    ASSERT_LT(n, 400);
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, MendFaultSweep,
                         ::testing::Values(std::pair(Fault::Kind::before, 1),
                                           std::pair(Fault::Kind::after, 1),
                                           std::pair(Fault::Kind::before, 1'000'000)));

// A prune, and another, within any request: the repaired backup is whole or was not made.
TEST_F(RepairSnapshotsTest, APruneWithinAnyRequest) {
  Files left = hurt_files_;
  left.erase("b/c/three");
  for (int at = 1;; ++at) {
    prepare();
    lose(8);
    const auto hook = std::make_shared<Hooked::Hook>();
    hook->at = at;
    hook->call = [&] {
      PruneOptions impatient = all_unused();
      impatient.grace = 1ns;
      for (int round = 0; round < 2; ++round) static_cast<void>(prune_in(*open(), impatient));
    };
    const auto repository = open(std::make_unique<Hooked>(backend(), hook));
    const auto done = mend(*repository, options(true));
    if (hook->requests < at) break;
    const std::string where = "request " + std::to_string(at);
    if (!done) {
      ASSERT_EQ(done.error().code, Errc::locked) << where << ": " << done.error().message;
      ASSERT_TRUE(mend(*open(), options(true))) << where;
    }
    const auto records = open()->records({}).value();
    ASSERT_EQ(records.size(), 2U) << where;
    for (const Record& record : records) {
      ASSERT_EQ(files_in(record.id), record.original ? left : whole_files_) << where;
    }
    ASSERT_TRUE(check_all().ok()) << where;
    ASSERT_LT(at, 400);
  }
}

}  // namespace
}  // namespace stillpoint::repository

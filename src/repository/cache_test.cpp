// SPDX-License-Identifier: Apache-2.0
// A repository with a cache: fewer requests, the same bytes, and no damage hidden.
#include <algorithm>

#include <gtest/gtest.h>

#include "repository/check.h"
#include "repository/prune/prune.h"
#include "repository/testing.h"
#include "storage/cache/testing.h"
#include "storage/decorators/decorator.h"

namespace stillpoint::repository {
namespace {

namespace fs = std::filesystem;
using storage::overwrite;
using storage::PutMode;

// Notes the names of what is read.
class Watching : public storage::Decorator {
 public:
  using Names = base::Guarded<std::vector<std::string>>;
  Watching(std::unique_ptr<storage::Backend> inner, std::shared_ptr<Names> names)
      : Decorator(std::move(inner)), names_(std::move(names)) {}

  using Backend::get;
  Result<Bytes> get(std::string_view name, storage::ByteRange range) override {
    names_->with([&](auto& names) { names.emplace_back(name); });
    return inner().get(name, range);
  }

 private:
  std::shared_ptr<Names> names_;
};

class CacheTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto repository = init_test_repository(backend());
    for (std::uint64_t i = 0; i < 3; ++i) {
      contents_.push_back(random_bytes(i, 100'000));
      records_.push_back(back_up_bytes(*repository, contents_.back()).value());
    }
    id_ = Id();
  }

  std::unique_ptr<storage::Backend> backend() const {
    return std::move(*storage::open("memory:" + name_));
  }
  std::unique_ptr<Repository> open() const {
    auto repository = open_test_repository(std::make_unique<Watching>(backend(), read_));
    repository->cache_in(scratch_.open(id_));
    return repository;
  }
  std::size_t reads(std::string_view prefix) const {
    return read_->with([&](const auto& names) {
      return static_cast<std::size_t>(std::count_if(
          names.begin(), names.end(), [&](const auto& name) { return name.starts_with(prefix); }));
    });
  }
  void forget_reads() const {
    read_->with([](auto& names) { names.clear(); });
  }
  // All that `list` and `ls` of every backup read.
  static void look_at_all(Repository& repository) {
    ASSERT_TRUE(repository.load_index({}));
    const auto records = repository.records({});
    ASSERT_TRUE(records);
    for (const Record& record : *records) {
      const auto nothing = [](const std::string&, const Node&) -> Result<void> { return {}; };
      ASSERT_TRUE(walk(repository, record.tree, nothing, {}));
    }
  }
  void expect_all_contents(Repository& repository) const {
    ASSERT_TRUE(repository.load_index({}));
    EXPECT_EQ(repository.records({})->size(), records_.size());
    for (std::size_t i = 0; i < records_.size(); ++i) {
      EXPECT_EQ(read_back(repository, records_[i]).value(), contents_[i]);
    }
  }
  static CheckReport check_of(Repository& repository) {
    std::atomic<std::uint64_t> total = 0;
    std::atomic<std::uint64_t> done = 0;
    return check(repository, {}, {total, done}, {}).value();
  }
  // Another byte in a stored object, of the same length.
  void damage(const std::string& name, std::size_t at) const {
    Bytes bytes = backend()->get(name).value();
    bytes[at] ^= 1;
    ASSERT_TRUE(backend()->put(name, bytes, PutMode::replace));
  }

  std::string name_ = "cache-test-" + base::random_token();
  storage::CacheScratch scratch_;
  std::shared_ptr<Watching::Names> read_ = std::make_shared<Watching::Names>();
  std::vector<Bytes> contents_;
  std::vector<Record> records_;
  Id id_;
};

TEST_F(CacheTest, ASecondOpeningReadsNoIndexNoRecordAndNoFolder) {
  look_at_all(*open());
  EXPECT_GE(reads("index/"), 3U);
  EXPECT_EQ(reads("snapshots/"), 3U);
  EXPECT_GE(reads("data/"), 3U);
  forget_reads();
  look_at_all(*open());
  EXPECT_EQ(reads("index/"), 0U);
  EXPECT_EQ(reads("snapshots/"), 0U);
  EXPECT_EQ(reads("data/"), 0U);
}

TEST_F(CacheTest, WhatABackupWroteIsNotReadByTheNext) {
  ASSERT_TRUE(open()->load_index({}));
  ASSERT_TRUE(back_up_bytes(*open(), random_bytes(9, 100'000)));
  forget_reads();
  ASSERT_TRUE(back_up_bytes(*open(), random_bytes(9, 100'000)));
  EXPECT_EQ(reads("index/"), 0U);
}

TEST_F(CacheTest, ChunksAreNotKept) {
  look_at_all(*open());
  const std::size_t before = scratch_.files().size();
  expect_all_contents(*open());
  forget_reads();
  expect_all_contents(*open());
  EXPECT_GE(reads("data/"), 3U);
  EXPECT_EQ(scratch_.files().size(), before);
}

TEST_F(CacheTest, PoisonedCopiesNeverLeadToWrongBytes) {
  look_at_all(*open());
  const std::vector<fs::path> files = scratch_.files();
  std::vector<Bytes> copies;
  for (const fs::path& file : files) copies.push_back(base::read_file(file, 1 << 20).value());
  for (std::size_t i = 0; i < files.size(); ++i) {
    const Bytes noise = random_bytes(i, copies[i].size());
    Bytes half = copies[i];
    half.resize(half.size() / 2);
    // Also what is sealed with the right key, but is something else.
    for (const Bytes& poison : {noise, half, Bytes(), copies[(i + 1) % copies.size()],
                                copies[(i + copies.size() / 2) % copies.size()]}) {
      overwrite(files[i], poison);
      expect_all_contents(*open());
      EXPECT_EQ(base::read_file(files[i], 1 << 20).value(), copies[i]) << files[i];
    }
  }
}

TEST_F(CacheTest, EveryFlippedByteOfAFolderIsReadOnceFromTheStorage) {
  look_at_all(*open());
  const auto repository = open();
  ASSERT_TRUE(repository->load_index({}));
  const PackedBlob blob = repository->index().find(BlobType::tree, records_[0].tree)->blob;
  const std::string leaf = fmt::format("{}-{}", blob.offset, blob.length);
  const std::string pack = repository->index().find(BlobType::tree, records_[0].tree)->pack.hex();
  const fs::path file = scratch_.of(id_) / "trees" / pack / leaf;
  const Bytes copy = base::read_file(file, 1 << 20).value();
  ASSERT_EQ(copy.size(), blob.length);
  for (std::size_t at = 0; at < copy.size(); ++at) {
    Bytes damaged = copy;
    damaged[at] ^= 0x10;
    overwrite(file, damaged);
    forget_reads();
    EXPECT_EQ(find_node(*repository, records_[0].tree, "f")->size, contents_[0].size()) << at;
    EXPECT_EQ(reads("data/"), 1U) << at;
  }
}

TEST_F(CacheTest, AFolderThatIsStoredWronglyIsCorruptAndNotReadTwice) {
  const auto repository = open();
  ASSERT_TRUE(repository->load_index({}));
  const auto place = repository->index().find(BlobType::tree, records_[0].tree).value();
  damage(name_of_file(FileKind::pack, place.pack), place.blob.offset + 20);
  forget_reads();
  EXPECT_EQ(load_tree(*repository, records_[0].tree).error().code, Errc::corrupt);
  EXPECT_EQ(reads("data/"), 1U);
}

TEST_F(CacheTest, CheckFindsAFolderThatIsSoundInTheCacheOnly) {
  look_at_all(*open());
  const auto repository = open();
  EXPECT_TRUE(check_of(*repository).ok());
  const auto place = repository->index().find(BlobType::tree, records_[1].tree).value();
  damage(name_of_file(FileKind::pack, place.pack), place.blob.offset + 20);
  look_at_all(*open());  // whoever reads backups can go on
  EXPECT_FALSE(check_of(*open()).ok());
}

TEST_F(CacheTest, CheckFindsAnIndexAndARecordThatAreSoundInTheCacheOnly) {
  look_at_all(*open());
  const Id index = open()->list_files(FileKind::index)->front();
  for (const std::string& name :
       {name_of_file(FileKind::index, index), name_of_file(FileKind::record, records_[2].id)}) {
    damage(name, 30);
    const auto repository = open();
    look_at_all(*repository);  // also where the index is in memory already
    EXPECT_FALSE(check_of(*repository).ok()) << name;
    damage(name, 30);
    EXPECT_TRUE(check_of(*open()).ok());
  }
}

TEST_F(CacheTest, ARecordThatIsGoneIsGone) {
  look_at_all(*open());
  ASSERT_TRUE(backend()->remove(name_of_file(FileKind::record, records_[1].id)));
  EXPECT_EQ(open()->load_file(FileKind::record, records_[1].id).error().code, Errc::not_found);
  EXPECT_EQ(open()->records({})->size(), 2U);
  EXPECT_FALSE(fs::exists(scratch_.of(id_) / "snapshots" / records_[1].id.hex()));
}

TEST_F(CacheTest, WhatPruneRemovesGoesFromTheCache) {
  look_at_all(*open());
  const auto repository = open();
  ASSERT_TRUE(repository->remove_file(FileKind::record, records_[0].id));
  std::atomic<std::uint64_t> total = 0;
  std::atomic<std::uint64_t> done = 0;
  PruneOptions options;
  options.grace = {};
  const auto report = prune(*repository, options, {total, done, {}}, {});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_GT(report->deleted.packs, 0U);
  const auto stored = [&](const std::string& name) { return backend()->stat(name).has_value(); };
  for (const fs::path& file : scratch_.files()) {
    const std::string name = file.lexically_relative(scratch_.of(id_));
    const std::string pack = file.parent_path().filename();
    const std::string of_pack = "data/" + pack.substr(0, 2) + "/" + pack;
    EXPECT_TRUE(stored(name.starts_with("trees/") ? of_pack : name)) << name;
  }
  EXPECT_EQ(read_back(*open(), records_[0]).error().code, Errc::corrupt);
  const auto again = open();
  ASSERT_TRUE(again->load_index({}));
  EXPECT_EQ(read_back(*again, records_[2]).value(), contents_[2]);
}

}  // namespace
}  // namespace stillpoint::repository

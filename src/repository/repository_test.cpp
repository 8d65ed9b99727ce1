// SPDX-License-Identifier: Apache-2.0
#include "repository/repository.h"

#include <algorithm>
#include <thread>

#include <gtest/gtest.h>

#include "repository/check.h"
#include "repository/file_writer.h"
#include "repository/index_file.h"
#include "repository/lock.h"
#include "repository/testing.h"
#include "storage/decorators/decorator.h"
#include "storage/memory/memory_backend.h"

namespace stillpoint::repository {
namespace {

using storage::PutMode;

class RepositoryTest : public ::testing::Test {
 protected:
  std::unique_ptr<storage::Backend> backend() const {
    return std::move(*storage::open("memory:" + name_));
  }
  std::vector<std::string> names(const std::string& prefix) const {
    std::vector<std::string> found;
    EXPECT_TRUE(backend()->list(prefix, [&](const storage::ObjectInfo& info) -> Result<void> {
      found.push_back(info.name);
      return {};
    }));
    return found;
  }
  CheckReport check_all() const { return check_some({}, 0); }
  CheckReport check_some(const std::optional<Subset>& subset, std::uint64_t seed) const {
    const auto repository = open_test_repository(backend());
    std::atomic<std::uint64_t> total = 0;
    std::atomic<std::uint64_t> done = 0;
    return check(*repository, {true, subset, seed}, {total, done}, {}).value();
  }

  std::string name_ = "repository-test-" + base::random_token();
};

TEST_F(RepositoryTest, IsMadeOnceAndOpensWithItsPasswordOnly) {
  init_test_repository(backend());
  EXPECT_EQ(Repository::init(backend(), test_password(), cheap_cost).error().code,
            Errc::already_exists);
  open_test_repository(backend());
  EXPECT_EQ(Repository::open(backend(), base::Secret(std::string("x"))).error().code,
            Errc::wrong_password);
}

TEST_F(RepositoryTest, WhereThereIsNoneItSaysSo) {
  EXPECT_EQ(Repository::open(backend(), test_password()).error().code, Errc::no_repository);
}

TEST_F(RepositoryTest, OtherVersionsOfTheFormatAreRefusedByNumber) {
  const auto made = init_test_repository(backend());
  for (const char* version : {"1", "3"}) {
    const std::string config = std::string(R"({"version":)") + version + R"(,"id":"x"})";
    ASSERT_TRUE(
        backend()->put("config", seal(made->key(), base::view_of(config)), PutMode::replace));
    const auto opened = Repository::open(backend(), test_password());
    EXPECT_EQ(opened.error().code, Errc::unsupported);
    EXPECT_NE(opened.error().message.find(std::string("version ") + version), std::string::npos);
    EXPECT_FALSE(opened.error().advice.empty());
  }
}

TEST_F(RepositoryTest, FilesOfAnySizeComeBackAndKnownBytesAreNotStoredAgain) {
  const auto repository = init_test_repository(backend());
  for (const std::size_t size : {0U, 1U, 70'000U, 3'000'000U}) {
    const Bytes bytes = random_bytes(size, size);
    const Record record = back_up_bytes(*repository, bytes).value();
    EXPECT_EQ(read_back(*repository, record).value(), bytes);
  }
  const std::size_t packs = names("data/").size();
  const auto again = open_test_repository(backend());
  const Record record = back_up_bytes(*again, random_bytes(3'000'000, 3'000'000)).value();
  EXPECT_LE(record.bytes_added, 2000U);  // a tree of its own time, no data
  EXPECT_EQ(names("data/").size(), packs + 1);
  EXPECT_TRUE(check_all().ok());
}

TEST_F(RepositoryTest, PiecesInAnyOrderMakeTheSameFile) {
  const auto repository = init_test_repository(backend());
  const Bytes bytes = random_bytes(5, 1'000'000);
  auto writer = BackupWriter::begin(*repository, {}, {}).value();
  FileWriter file(writer->blobs(), 64 << 10);
  const auto piece = [&](std::size_t from, std::size_t to) {
    ASSERT_TRUE(file.write(from, ByteView(bytes).subspan(from, to - from)));
  };
  piece(4096, 500'000);
  piece(700'000, 1'000'000);
  piece(500'000, 700'000);
  piece(0, 4096);
  ASSERT_TRUE(writer->add_file("f", file.finish().value()));
  const Record record = writer->finish(test_record()).value();
  EXPECT_EQ(read_back(*repository, record).value(), bytes);
}

TEST_F(RepositoryTest, MissingAndDoubleBytesOfAFileAreOurMistakeAndSeen) {
  const auto repository = init_test_repository(backend());
  const Bytes bytes = random_bytes(6, 1000);
  auto writer = BackupWriter::begin(*repository, {}, {}).value();
  FileWriter gap(writer->blobs(), 4096);
  ASSERT_TRUE(gap.write(10, bytes));
  EXPECT_EQ(gap.finish().error().code, Errc::internal);
  FileWriter twice(writer->blobs(), 4096);
  ASSERT_TRUE(twice.write(0, bytes));
  ASSERT_TRUE(twice.write(500, bytes));
  EXPECT_EQ(twice.finish().error().code, Errc::internal);
}

TEST_F(RepositoryTest, ABackupThatIsDroppedIsNotVisibleAndWhatItStoredIsUsedAgain) {
  const WriteOptions options{Compression::off, 4 << 20, 2};
  const Bytes bytes = random_bytes(7, 20 << 20);
  {
    const auto repository = init_test_repository(backend());
    auto writer = BackupWriter::begin(*repository, options, {}).value();
    FileWriter file(writer->blobs(), ChunkSizes{16 << 10, 64 << 10, 256 << 10});
    ASSERT_TRUE(file.write(0, bytes));
    ASSERT_TRUE(file.finish());
    // Four packs of 4 MiB are full: wait until the storage has one at least.
    while (names("data/").empty()) std::this_thread::yield();
  }
  const auto repository = open_test_repository(backend());
  EXPECT_TRUE(repository->records({}).value().empty());
  EXPECT_TRUE(names("locks/").empty());
  EXPECT_TRUE(check_all().ok());
  EXPECT_EQ(names("index/").size(), 1U);
  const Record record = back_up_bytes(*repository, bytes, options).value();
  EXPECT_LT(record.bytes_added, 17U << 20);
  EXPECT_EQ(read_back(*repository, record).value(), bytes);
}

// For AddressSanitizer: a worker may be at a chunk of the file while the file is given up.
TEST_F(RepositoryTest, AFileGivenUpInTheMiddleIsNotTouchedByItsWorkers) {
  const auto repository = init_test_repository(backend());
  const Bytes bytes = random_bytes(6, 1 << 20);
  for (int round = 0; round < 100; ++round) {
    std::stop_source stop;
    auto writer =
        BackupWriter::begin(*repository, {Compression::off, 4 << 20, 2}, stop.get_token());
    ASSERT_TRUE(writer);
    {
      FileWriter file((*writer)->blobs(), ChunkSizes{16 << 10, 64 << 10, 256 << 10});
      ASSERT_TRUE(file.write(0, bytes));
      stop.request_stop();
    }
    EXPECT_EQ((*writer)->finish(test_record()).error().code, Errc::cancelled);
  }
}

TEST(BackupWriter, StoresFoldersOfUnchangedFilesOnce) {
  const auto repository = init_test_repository(storage::make_memory());
  const Bytes bytes = random_bytes(7, 4 << 20);
  const auto back_up = [&](int day) {
    auto writer = BackupWriter::begin(*repository, {}, {}).value();
    FileWriter file(writer->blobs(), std::size_t{4096});
    EXPECT_TRUE(file.write(0, bytes));
    EXPECT_TRUE(writer->add_file("bank/data/bank.db", file.finish().value()));
    EXPECT_TRUE(writer->add_text("manifest.json", "of day " + std::to_string(day)));
    Record record = test_record();
    record.time = base::parse_time("2026-11-21T08:30:00Z").value() + std::chrono::hours(24 * day);
    return writer->finish(record).value();
  };
  const Record first = back_up(0);
  const Record second = back_up(1);
  EXPECT_GT(first.bytes_added, 4U << 20);
  EXPECT_LT(second.bytes_added, 4096U) << "the list of a thousand chunks is 70 KiB";
  EXPECT_EQ(find_node(*repository, second.tree, "bank")->modified, second.time);
}

// Replaces an index file by another one that says the same, in the moment in which it is read.
class ReplacingIndex : public storage::Decorator {
 public:
  ReplacingIndex(std::unique_ptr<Backend> inner, Repository& other)
      : Decorator(std::move(inner)), other_(other) {}
  using Backend::get;
  Result<Bytes> get(std::string_view name, storage::ByteRange range) override {
    if (name.starts_with("index/") && !done_.exchange(true)) {
      Id id;
      EXPECT_TRUE(Id::parse(name.substr(6), id));
      const Bytes text = other_.load_file(FileKind::index, id).value();
      EXPECT_TRUE(other_.save_file(FileKind::index, base::text_of(text)));
      EXPECT_TRUE(other_.remove_file(FileKind::index, id));
    }
    return inner().get(name, range);
  }

 private:
  Repository& other_;
  std::atomic<bool> done_ = false;
};

TEST_F(RepositoryTest, AnIndexThatIsReplacedWhileItIsReadIsReadAnew) {
  const auto other = init_test_repository(backend());
  const Bytes bytes = random_bytes(10, 300'000);
  const Record record = back_up_bytes(*other, bytes).value();
  const auto repository = open_test_repository(std::make_unique<ReplacingIndex>(backend(), *other));
  const auto loaded = repository->load_index({});
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(read_back(*repository, record).value(), bytes);
}

TEST_F(RepositoryTest, WhatLeftTheIndexFilesLeavesTheIndex) {
  const auto repository = init_test_repository(backend());
  ASSERT_TRUE(back_up_bytes(*repository, random_bytes(10, 300'000)));
  const auto reader = open_test_repository(backend());
  ASSERT_TRUE(reader->load_index({}));
  ASSERT_GT(reader->index().blob_count(), 0U);
  ASSERT_TRUE(back_up_bytes(*repository, random_bytes(11, 300'000)));
  const std::vector<std::string> files = names("index/");
  ASSERT_TRUE(reader->load_index({}));
  EXPECT_EQ(reader->index_files().size(), files.size());
  for (const std::string& name : files) ASSERT_TRUE(backend()->remove(name));
  EXPECT_EQ(reader->load_index_additions({}).error().code, Errc::locked);
  ASSERT_TRUE(reader->load_index({}));
  EXPECT_EQ(reader->index().blob_count(), 0U);
}

TEST_F(RepositoryTest, CheckSeesWhatIsMissingOrChanged) {
  const auto repository = init_test_repository(backend());
  const Record record = back_up_bytes(*repository, random_bytes(9, 300'000)).value();
  ASSERT_TRUE(check_all().ok());
  for (const std::string& name : names("")) {
    if (name.rfind("keys/", 0) == 0 || name == "config") continue;
    const Bytes whole = backend()->get(name).value();
    ASSERT_TRUE(backend()->remove(name));
    const bool is_record = name.rfind("snapshots/", 0) == 0;
    EXPECT_EQ(check_all().ok(), is_record) << "without " << name;
    for (const std::size_t at : {std::size_t{0}, whole.size() / 2, whole.size() - 1}) {
      Bytes changed = whole;
      changed[at] ^= 0x40;
      ASSERT_TRUE(backend()->put(name, changed, PutMode::replace));
      EXPECT_FALSE(check_all().ok()) << name << " changed at " << at;
    }
    const ByteView shorter = ByteView(whole).first(whole.size() - 1);
    ASSERT_TRUE(backend()->put(name, shorter, PutMode::replace));
    EXPECT_FALSE(check_all().ok()) << name << " truncated";
    ASSERT_TRUE(backend()->put(name, whole, PutMode::replace));
  }
  EXPECT_TRUE(check_all().ok());
}

TEST_F(RepositoryTest, AllPartsOfACheckTogetherSeeWhatAWholeOneSees) {
  const auto repository = init_test_repository(backend());
  const WriteOptions options{Compression::off, 4 << 20, 2};
  ASSERT_TRUE(back_up_bytes(*repository, random_bytes(9, 40 << 20), options));
  const std::vector<std::string> packs = names("data/");
  ASSERT_GE(packs.size(), 8U);
  const auto size_of = [&](const std::string& name) { return backend()->stat(name)->bytes; };
  const std::string damaged =  // the smallest holds the folders
      *std::max_element(packs.begin(), packs.end(),
                        [&](const auto& a, const auto& b) { return size_of(a) < size_of(b); });
  Bytes changed = backend()->get(damaged).value();
  changed[changed.size() / 3] ^= 1;
  ASSERT_TRUE(backend()->put(damaged, changed, PutMode::replace));

  std::uint64_t read = 0;
  std::vector<std::string> errors;
  for (unsigned part = 1; part <= 3; ++part) {
    const CheckReport report = check_some(PartOf{part, 3}, 0);
    read += report.packs_read;
    errors.insert(errors.end(), report.errors.begin(), report.errors.end());
  }
  EXPECT_EQ(read, packs.size());
  EXPECT_EQ(errors, check_all().errors);
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_NE(errors[0].find(damaged.substr(damaged.rfind('/') + 1)), std::string::npos);
  EXPECT_EQ(check_some(Share{25}, 7).packs_read, packs.size() / 4);
  EXPECT_EQ(check_some(Size{1}, 7).packs_read, 1U);
}

TEST_F(RepositoryTest, CheckSurvivesAnIndexWhoseBlobsOverlap) {
  const auto repository = init_test_repository(backend());
  ASSERT_TRUE(back_up_bytes(*repository, random_bytes(9, 300'000)));
  const std::vector<Id> indexes = repository->list_files(FileKind::index).value();
  for (const Id& id : indexes) {
    std::vector<IndexedPack> packs;
    const Bytes text = repository->load_file(FileKind::index, id).value();
    ASSERT_TRUE(decode_index_file(text, [&](IndexedPack p) { packs.push_back(std::move(p)); }));
    for (IndexedPack& pack : packs) {
      PackedBlob inner = pack.blobs[0];
      inner.offset += 1;
      inner.length = 40;
      inner.id.bytes[0] ^= 1;
      pack.blobs.push_back(inner);
    }
    ASSERT_TRUE(repository->remove_file(FileKind::index, id));
    ASSERT_TRUE(repository->save_file(FileKind::index, encode_index_file(packs)));
  }
  EXPECT_FALSE(check_all().ok());
}

TEST_F(RepositoryTest, LocksAreSharedByWritersAndKeptFromWhoWantsAll) {
  const auto one = init_test_repository(backend());
  const auto two = open_test_repository(backend());
  {
    const auto first = Lock::acquire(*one, LockKind::shared, {}).value();
    EXPECT_TRUE(Lock::acquire(*two, LockKind::shared, {}));
    const auto refused = Lock::acquire(*two, LockKind::exclusive, {});
    EXPECT_EQ(refused.error().code, Errc::locked);
    EXPECT_NE(refused.error().message.find(std::to_string(::getpid())), std::string::npos);
    EXPECT_TRUE(first->still_held());
  }
  {
    const auto all = Lock::acquire(*one, LockKind::exclusive, {}).value();
    EXPECT_EQ(Lock::acquire(*two, LockKind::shared, {}).error().code, Errc::locked);
  }
  EXPECT_TRUE(names("locks/").empty());
}

TEST_F(RepositoryTest, ALockNotRefreshedForHalfAnHourIsRemoved) {
  const auto repository = init_test_repository(backend());
  const std::string old = base::format_time(base::now() - std::chrono::minutes(31));
  ASSERT_TRUE(repository->save_file(
      FileKind::lock, R"({"time":")" + old +
                          R"(","exclusive":true,"hostname":"elsewhere","username":"u","pid":1})"));
  EXPECT_TRUE(Lock::acquire(*repository, LockKind::exclusive, {}));
  EXPECT_TRUE(names("locks/").empty());
}

}  // namespace
}  // namespace stillpoint::repository

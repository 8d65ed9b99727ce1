// SPDX-License-Identifier: Apache-2.0
#include "repository/copy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "repository/check.h"
#include "repository/file_writer.h"
#include "repository/json_read.h"
#include "repository/lock.h"
#include "repository/testing.h"

namespace stillpoint::repository {
namespace {

using ::testing::HasSubstr;

// Several backups that share most of their chunks, in packs of few chunks.
class CopyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto made = init_test_repository(backend(from_));
    init_test_repository(backend(to_));
    for (std::uint64_t number = 0; number < 3; ++number) {
      Bytes bytes = random_bytes(1, 3 * unit_);
      base::append(bytes, random_bytes(10 + number, unit_ / 2));
      bytes.resize(bytes.size() + unit_, Byte{'x'});  // this compresses
      records_.push_back(
          back_up_bytes(*made, bytes, {Compression::automatic, 64 << 10, 1}).value());
      contents_.push_back(std::move(bytes));
    }
  }

  static std::unique_ptr<storage::Backend> backend(const std::string& name) {
    return std::move(*storage::open("memory:" + name));
  }

  Result<std::vector<CopiedBackup>> copy(std::unique_ptr<storage::Backend> from,
                                         std::unique_ptr<storage::Backend> to) {
    const auto source = TRY(Repository::open(std::move(from), test_password()));
    const auto target = TRY(Repository::open(std::move(to), test_password()));
    const auto lock = TRY(Lock::acquire(*source, LockKind::shared, {}));
    TRY(source->load_index({}));
    total_ = 0;
    done_ = 0;
    return copy_backups(*source, *target, TRY(source->records({})), {}, {total_, done_}, {});
  }
  Result<std::vector<CopiedBackup>> copy() { return copy(backend(from_), backend(to_)); }

  // Every backup that is there has the bytes of one of ours, and nothing is wrong.
  std::size_t backups_in(const std::string& name) {
    const auto repository = open_test_repository(backend(name));
    std::atomic<std::uint64_t> total = 0;
    std::atomic<std::uint64_t> done = 0;
    const CheckReport report = check(*repository, {true}, {total, done}, {}).value();
    EXPECT_TRUE(report.ok()) << report.errors.front();
    const auto records = repository->records({}).value();
    for (const Record& record : records) {
      const auto original = std::find_if(records_.begin(), records_.end(), [&](const Record& one) {
        return same_backup(one, record);
      });
      EXPECT_NE(original, records_.end());
      if (original == records_.end()) continue;
      const auto number = static_cast<std::size_t>(original - records_.begin());
      EXPECT_EQ(read_back(*repository, record).value(), contents_[number]);
    }
    return records.size();
  }

  static constexpr std::size_t unit_ = 100'000;  // bytes of about a chunk
  const std::string from_ = "copy-from-" + base::random_token();
  const std::string to_ = "copy-to-" + base::random_token();
  std::vector<Record> records_;
  std::vector<Bytes> contents_;
  std::atomic<std::uint64_t> total_ = 0;
  std::atomic<std::uint64_t> done_ = 0;
};

TEST_F(CopyTest, GivesTheSameBackupsUnderAnotherKey) {
  const auto copied = copy().value();
  ASSERT_EQ(copied.size(), 3U);
  EXPECT_EQ(backups_in(to_), 3U);
  EXPECT_GT(copied[0].bytes_read, 300'000U);
  EXPECT_LT(copied[1].bytes_read, 200'000U);  // what they share is there by then
  EXPECT_EQ(total_, done_);
  EXPECT_EQ(done_, copied[0].bytes_read + copied[1].bytes_read + copied[2].bytes_read);
  const auto target = open_test_repository(backend(to_));
  const auto source = open_test_repository(backend(from_));
  EXPECT_NE(target->id(), source->id());
  EXPECT_FALSE(unseal(source->key(), target->backend().get("config").value()));
}

TEST_F(CopyTest, WhatIsThereIsNotCopiedAgain) {
  ASSERT_TRUE(copy());
  const auto again = copy().value();
  for (const CopiedBackup& one : again) {
    EXPECT_TRUE(one.was_there);
    EXPECT_EQ(one.bytes_read, 0U);
  }
  EXPECT_EQ(backups_in(to_), 3U);
}

// Chunks that lie there for another reason are not read either.
TEST_F(CopyTest, ChunksOfOthersAreUsed) {
  {
    const auto target = open_test_repository(backend(to_));
    ASSERT_TRUE(back_up_bytes(*target, contents_[0]));
  }
  const auto copied = copy().value();
  EXPECT_LT(copied[0].bytes_read, 5'000U);
}

TEST_F(CopyTest, ARecordKeepsAllThatItSaysAndTellsWhereItIsFrom) {
  auto source = open_test_repository(backend(from_));
  Json json = parse_json(source->load_file(FileKind::record, records_[0].id).value()).value();
  json["excludes"] = {"*.tmp"};
  json["time"] = "2024-02-29T12:00:00.123456789+02:00";
  const Id odd = source->save_file(FileKind::record, write_json(json)).value();
  ASSERT_TRUE(source->remove_file(FileKind::record, records_[0].id));
  const auto copied = copy().value();
  const auto target = open_test_repository(backend(to_));
  for (const CopiedBackup& one : copied) {
    if (one.record.id != odd) continue;
    json["original"] = odd.hex();
    EXPECT_EQ(parse_json(target->load_file(FileKind::record, one.id).value()).value(), json);
  }
  // of a copy of a copy: the first
  EXPECT_EQ(encode_copy(base::view_of(R"({"original":"ab"})"), odd).value(),
            R"({"original":"ab"})");
  EXPECT_FALSE(encode_copy(base::view_of("[]"), odd));
}

TEST_F(CopyTest, DamagedBytesAreNotCopied) {
  {
    const auto source = open_test_repository(backend(from_));
    ASSERT_TRUE(source->load_index({}));
    const std::string name =
        name_of_file(FileKind::pack, source->index().find(BlobType::tree, records_[1].tree)->pack);
    Bytes bytes = source->backend().get(name).value();
    bytes[40] ^= 1;
    ASSERT_TRUE(source->backend().put(name, bytes, storage::PutMode::replace));
  }
  const auto copied = copy();
  ASSERT_FALSE(copied);
  EXPECT_EQ(copied.error().code, Errc::corrupt);
  EXPECT_THAT(copied.error().message, HasSubstr("copy backup " + records_[1].id.brief()));
  EXPECT_EQ(backups_in(to_), 1U);  // the one before
}

}  // namespace
}  // namespace stillpoint::repository

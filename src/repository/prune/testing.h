// SPDX-License-Identifier: Apache-2.0
// For tests of prune: a repository in memory, backups of numbered blocks, a clock that can be set.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "repository/check.h"
#include "repository/file_writer.h"
#include "repository/prune/prune.h"
#include "repository/testing.h"
#include "storage/decorators/decorator.h"

namespace stillpoint::repository {

// Calls back before one of its requests, once; counts them all.
class Hooked : public storage::Decorator {
 public:
  struct Hook {
    int at = 0;  // the request, from 1
    std::function<void()> call = {};
    std::atomic<int> requests = 0;
  };
  Hooked(std::unique_ptr<Backend> inner, std::shared_ptr<Hook> hook)
      : Decorator(std::move(inner)), hook_(std::move(hook)) {}

  using Backend::get;
  Result<void> put(std::string_view name, ByteView bytes, storage::PutMode mode) override {
    count();
    return inner().put(name, bytes, mode);
  }
  Result<Bytes> get(std::string_view name, storage::ByteRange range) override {
    count();
    return inner().get(name, range);
  }
  Result<storage::ObjectInfo> stat(std::string_view name) override {
    count();
    return inner().stat(name);
  }
  Result<void> list(std::string_view prefix, const storage::Visit& visit) override {
    count();
    return inner().list(prefix, visit);
  }
  Result<void> remove(std::string_view name) override {
    count();
    return inner().remove(name);
  }

 private:
  void count() {
    if (++hook_->requests == hook_->at) hook_->call();
  }
  std::shared_ptr<Hook> hook_;
};

class PruneCase : public ::testing::Test {
 protected:
  using Blocks = std::vector<std::uint64_t>;
  static constexpr std::size_t block_bytes = 4096;
  static constexpr std::size_t pack_bytes = 5 * block_bytes;

  static Blocks range(std::uint64_t first, std::uint64_t last) {
    Blocks blocks;
    for (std::uint64_t block = first; block <= last; ++block) blocks.push_back(block);
    return blocks;
  }
  static Blocks joined(Blocks one, const Blocks& other) {
    one.insert(one.end(), other.begin(), other.end());
    return one;
  }
  static Bytes bytes_of(const Blocks& blocks) {
    Bytes bytes;
    for (const std::uint64_t block : blocks) base::append(bytes, random_bytes(block, block_bytes));
    return bytes;
  }

  void begin_anew() {
    name_ = "prune-test-" + base::random_token();
    ahead_ns_ = 0;
    init_test_repository(backend());
  }
  std::unique_ptr<storage::Backend> backend() const {
    return std::move(*storage::open("memory:" + name_));
  }
  std::unique_ptr<Repository> open(std::unique_ptr<storage::Backend> storage) const {
    auto repository = open_test_repository(std::move(storage));
    repository->set_clock([this] { return base::now() + std::chrono::nanoseconds(ahead_ns_); });
    return repository;
  }
  std::unique_ptr<Repository> open() const { return open(backend()); }

  static Result<std::unique_ptr<BackupWriter>> begin_backup(Repository& repository,
                                                            const Blocks& blocks) {
    const WriteOptions options{Compression::off, pack_bytes, 1};
    auto writer = TRY(BackupWriter::begin(repository, options, {}));
    FileWriter file(writer->blobs(), block_bytes);
    TRY(file.write(0, bytes_of(blocks)));
    TRY(writer->add_file("f", TRY(file.finish())));
    return writer;
  }
  static Result<Record> back_up(Repository& repository, const Blocks& blocks) {
    const auto writer = TRY(begin_backup(repository, blocks));
    return writer->finish(test_record());
  }
  Record back_up(const Blocks& blocks) const { return back_up(*open(), blocks).value(); }
  void forget(const Record& record) const {
    ASSERT_TRUE(open()->remove_file(FileKind::record, record.id));
  }

  static PruneOptions all_unused() {
    PruneOptions options;
    options.unused_max = {UnusedLimit::Kind::bytes, 0, 0};
    options.pack_bytes = pack_bytes;
    options.switch_wait = {};
    return options;
  }
  static Result<PruneReport> prune_in(Repository& repository, const PruneOptions& options) {
    std::atomic<std::uint64_t> total = 0;
    std::atomic<std::uint64_t> done = 0;
    return prune(repository, options, {total, done}, {});
  }
  PruneReport prune_now(const PruneOptions& options = all_unused()) const {
    auto report = prune_in(*open(), options);
    EXPECT_TRUE(report) << report.error().message;
    return report ? *report : PruneReport();
  }
  void pass(std::chrono::nanoseconds time) { ahead_ns_ += time.count(); }

  std::vector<std::string> names(const std::string& prefix) const {
    std::vector<std::string> found;
    EXPECT_TRUE(backend()->list(prefix, [&](const storage::ObjectInfo& info) -> Result<void> {
      found.push_back(info.name);
      return {};
    }));
    return found;
  }
  CheckReport check_all() const {
    const auto repository = open();
    std::atomic<std::uint64_t> total = 0;
    std::atomic<std::uint64_t> done = 0;
    return check(*repository, {true}, {total, done}, {}).value();
  }
  // Every backup reads as it was written, and check finds nothing.
  void expect_whole(const std::map<Id, Blocks>& backups, const std::string& where = "") const {
    const CheckReport report = check_all();
    ASSERT_TRUE(report.ok()) << where << ": " << report.errors[0];
    const auto repository = open();
    ASSERT_TRUE(repository->load_index({}));
    std::size_t found = 0;
    const std::vector<Record> records = repository->records({}).value();
    for (const Record& record : records) {
      const auto expected = backups.find(record.id);
      if (expected == backups.end()) continue;
      ++found;
      const auto read = read_back(*repository, record);
      ASSERT_TRUE(read) << where << ": " << read.error().message;
      ASSERT_EQ(*read, bytes_of(expected->second)) << where;
    }
    ASSERT_EQ(found, backups.size()) << where;
  }
  // The index names no pack that is not there, and no blob that no backup needs.
  void expect_tidy(const std::string& where = "") const {
    const auto repository = open();
    ASSERT_TRUE(repository->load_index({}));
    PruneOptions options = all_unused();
    options.dry_run = true;
    const PruneReport report = prune_in(*repository, options).value();
    ASSERT_EQ(report.blobs_unused, 0U) << where;
    ASSERT_EQ(report.retired.packs, 0U) << where;
    ASSERT_EQ(report.waiting.packs, 0U) << where;
    ASSERT_EQ(report.packs_missing, 0U) << where;
  }

  std::string name_ = "prune-test-" + base::random_token();
  std::atomic<std::int64_t> ahead_ns_ = 0;
};

}  // namespace stillpoint::repository

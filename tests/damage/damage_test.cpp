// SPDX-License-Identifier: Apache-2.0
// A repository whose stored bytes change behind our back, at random: every change is noticed or
// harmless. Nothing crashes, and no backup gives back other bytes than were backed up.
#include <cstdlib>
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "repository/check.h"
#include "repository/testing.h"
#include "storage/memory/memory_backend.h"

namespace stillpoint::repository {
namespace {

using Objects = std::map<std::string, Bytes>;
using Files = std::map<std::string, Bytes>;

std::uint64_t seed() {
  const char* given = std::getenv("STILLPOINT_SEED");
  const std::uint64_t seed = given != nullptr ? std::stoull(given) : std::random_device()();
  std::printf("STILLPOINT_SEED=%llu\n", static_cast<unsigned long long>(seed));
  return seed;
}

int rounds(int some) {
  return std::getenv("STILLPOINT_FULL") != nullptr ? 10 * some : some;
}

std::string kind_of(const std::string& name) {
  return name.substr(0, name.find('/'));
}

class Damage : public ::testing::Test {
 protected:
  // Two backups of files of all sizes, some that compress, in several packs and index files.
  void SetUp() override {
    const std::string name = "damage-test-" + base::random_token();
    const auto repository = init_test_repository(*storage::open("memory:" + name));
    for (std::uint64_t number = 0; number < 2; ++number) {
      auto writer =
          BackupWriter::begin(*repository, {Compression::automatic, 64 << 10, 1}, {}).value();
      for (std::size_t size : {0, 1, 100, 5000, 90'000}) {
        Bytes bytes = random_bytes(size + number, size);
        if (size == 5000) std::fill(bytes.begin(), bytes.begin() + 4000, 'x');
        const std::string path = fmt::format("shop/data/{}/{}", number, size);
        FileWriter file(writer->blobs(), ChunkSizes{4 << 10, 16 << 10, 64 << 10});
        ASSERT_TRUE(file.write(0, bytes));
        ASSERT_TRUE(writer->add_file(path, file.finish().value()));
        files_[path] = std::move(bytes);
      }
      records_.push_back(writer->finish(test_record()).value());
    }
    storage::Backend& backend = repository->backend();
    ASSERT_TRUE(backend.list("", [&](const storage::ObjectInfo& info) -> Result<void> {
      objects_[info.name] = backend.get(info.name).value();
      return {};
    }));
    ASSERT_GE(count("data"), 5U);
    ASSERT_GE(count("index"), 2U);
  }
  std::size_t count(const std::string& kind) const {
    std::size_t all = 0;
    for (const auto& [name, bytes] : objects_) all += kind_of(name) == kind ? 1 : 0;
    return all;
  }

  static std::unique_ptr<storage::Backend> stored(const Objects& objects) {
    auto backend = storage::make_memory();
    for (const auto& [name, bytes] : objects) {
      EXPECT_TRUE(backend->put(name, bytes, storage::PutMode::create_only));
    }
    return backend;
  }

  // Which backups there are, and all of their files: as they were, or an error. True when all is
  // there.
  bool all_comes_back(const Repository& repository) const {
    const auto records = repository.records({});
    if (!records) return false;
    bool all = records->size() == records_.size();
    for (const Record& record : *records) {
      const auto known = std::find_if(records_.begin(), records_.end(),
                                      [&](const Record& one) { return one.id == record.id; });
      EXPECT_NE(known, records_.end()) << "a backup that nobody made";
      if (known == records_.end()) return false;
      EXPECT_EQ(encode_record(record), encode_record(*known));
      const auto visit = [&](const std::string& path, const Node& node) -> Result<void> {
        if (node.type != NodeType::file) return {};
        const Bytes bytes = TRY(read_whole_file(repository, node, 1 << 20, {}));
        EXPECT_EQ(bytes, files_.at(path)) << path;
        return {};
      };
      all = walk(repository, record.tree, visit, {}).has_value() && all;
    }
    return all;
  }

  // Of a damaged repository: "refused", "found" by check, or "harmless".
  std::string outcome(const Objects& objects) const {
    auto repository = Repository::open(stored(objects), test_password());
    if (!repository) return "refused";
    const bool whole = (*repository)->load_index({}).has_value() && all_comes_back(**repository);
    auto again = Repository::open(stored(objects), test_password());
    std::atomic<std::uint64_t> total = 0;
    std::atomic<std::uint64_t> done = 0;
    const auto report = check(**again, {true}, {total, done}, {});
    if (!report || !report->ok()) return "found";
    EXPECT_TRUE(whole) << "check finds nothing, and not everything comes back";
    return "harmless";
  }

  // Each is changed as often as any other, be it large or small.
  template <class Change>
  void damage(int times, const Change& change) {
    base::Random random(seed());
    std::map<std::string, std::map<std::string, int>> outcomes;
    for (int round = 0; round < times; ++round) {
      Objects objects = objects_;
      auto at = objects.begin();
      std::advance(at, random.below(objects.size()));
      const std::string name = at->first;
      const std::string what = change(objects, at->second, random);
      const std::string seen = outcome(objects);
      ++outcomes[kind_of(name)][seen];
      // A key's file has words that nobody reads. All else is authenticated.
      const bool may_be_harmless = kind_of(name) == "keys" || objects == objects_;
      ASSERT_TRUE(seen != "harmless" || may_be_harmless) << name << ": " << what;
      ASSERT_FALSE(HasFailure()) << name << ": " << what;
    }
    for (const auto& [kind, seen] : outcomes) {
      std::printf("%s:", kind.c_str());
      for (const auto& [how, number] : seen) std::printf(" %s %d", how.c_str(), number);
      std::printf("\n");
    }
    EXPECT_EQ(outcomes.size(), 5U) << "config, data, index, keys, snapshots";
  }

  Objects objects_;
  Files files_;
  std::vector<Record> records_;
};

TEST_F(Damage, NothingIsWrongBefore) {
  EXPECT_EQ(outcome(objects_), "harmless");
}

TEST_F(Damage, AFlippedBitIsNoticedOrHarmless) {
  damage(rounds(1000), [](Objects&, Bytes& bytes, base::Random& random) {
    const std::uint64_t bit = random.below(bytes.size() * 8);
    bytes[bit / 8] ^= static_cast<Byte>(1U << (bit % 8));
    return fmt::format("bit {} of {}", bit, bytes.size() * 8);
  });
}

TEST_F(Damage, AShorterOrLongerObjectIsNoticed) {
  damage(rounds(200), [](Objects&, Bytes& bytes, base::Random& random) {
    const std::size_t before = bytes.size();
    const bool shorter = random.below(2) == 0;
    bytes.resize(shorter ? random.below(before) : before + 1 + random.below(50), Byte{0});
    return fmt::format("{} instead of {} bytes", bytes.size(), before);
  });
}

TEST_F(Damage, AnotherObjectsBytesAreNoticed) {
  damage(rounds(200), [](Objects& objects, Bytes& bytes, base::Random& random) {
    auto other = objects.begin();
    std::advance(other, random.below(objects.size()));
    bytes = other->second;
    return "the bytes of " + other->first;
  });
}

// A sector of zeros, or of what was there before.
TEST_F(Damage, ARangeOfOtherBytesIsNoticed) {
  damage(rounds(200), [](Objects&, Bytes& bytes, base::Random& random) {
    const std::size_t begin = random.below(bytes.size());
    const std::size_t size = std::min<std::size_t>(1 + random.below(512), bytes.size() - begin);
    if (random.below(2) == 0) {
      std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(begin), size, Byte{0});
    } else {
      random.fill(std::span(bytes).subspan(begin, size));
    }
    return fmt::format("{} bytes from {}", size, begin);
  });
}

}  // namespace
}  // namespace stillpoint::repository

// SPDX-License-Identifier: Apache-2.0
// Copies save requests, and never change what is read.
#include "storage/decorators/cached.h"

#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "storage/cache/testing.h"
#include "storage/decorators/counting.h"
#include "storage/decorators/faulty.h"
#include "storage/memory/memory_backend.h"

namespace stillpoint::storage {
namespace {

namespace fs = std::filesystem;
using base::view_of;
using testing::IsEmpty;
using testing::SizeIs;

const Bytes content = base::copy_of(view_of("an index file, sealed: 0123456789"));
const std::string name = "index/" + base::sha256(content).hex();
const std::string pack = "data/0a/0a" + std::string(62, '1');

Result<void> ignore(const ObjectInfo&) {
  return {};
}

class CachedTest : public testing::Test {
 protected:
  // As another process would open it: it knows what its own lists have shown.
  std::unique_ptr<Cached> open(bool listed = true, std::vector<Fault> faults = {}) {
    auto memory = std::make_unique<MemoryBackend>("test", store_);
    auto counting = std::make_unique<Counting>(std::move(memory), counters_);
    auto faulty = std::make_unique<Faulty>(std::move(counting), std::move(faults));
    auto cached = std::make_unique<Cached>(std::move(faulty), scratch_.open());
    if (listed) {
      EXPECT_TRUE(cached->list("index/", ignore));
    }
    return cached;
  }
  MemoryBackend storage() { return {"test", store_}; }  // past the cache
  void store(const std::string& at, ByteView bytes) {
    ASSERT_TRUE(storage().put(at, bytes, PutMode::replace));
  }
  std::uint64_t gets() const { return counters_->gets; }
  fs::path copy() const { return scratch_.of({}) / name; }

  // A judge as the repository is one: only these bytes will do.
  Cached::Use wants(std::string text) {
    return [this, text](ByteView bytes) -> Result<void> {
      ++judged_;
      if (base::text_of(bytes) == text) return {};
      return fail(Errc::corrupt, "not what was meant");
    };
  }

  CacheScratch scratch_;
  std::shared_ptr<MemoryBackend::Store> store_ = std::make_shared<MemoryBackend::Store>();
  std::shared_ptr<Counters> counters_ = std::make_shared<Counters>();
  int judged_ = 0;
};

TEST_F(CachedTest, WhatWasReadOnceIsNotAskedForAgain) {
  store(name, content);
  EXPECT_EQ(open()->get(name).value(), content);
  EXPECT_EQ(gets(), 1U);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(open()->get(name).value(), content);
  EXPECT_EQ(gets(), 1U);
}

TEST_F(CachedTest, WhatWasPutIsNotAskedFor) {
  const auto cached = open();
  ASSERT_TRUE(cached->put(name, content, PutMode::create_only));
  EXPECT_EQ(cached->get(name).value(), content);
  EXPECT_EQ(open()->get(name).value(), content);
  EXPECT_EQ(gets(), 0U);
}

TEST_F(CachedTest, NothingElseIsKept) {
  const std::string hash = base::sha256(content).hex();
  const std::vector<std::string> names = {
      "config",  "keys/" + hash,    "locks/" + hash,   "data/" + hash.substr(0, 2) + "/" + hash,
      "index/x", "index/a/" + hash, "retired/" + hash, "journals/" + hash};
  const auto cached = open();
  for (const std::string& one : names) {
    ASSERT_TRUE(cached->put(one, content, PutMode::create_only));
    ASSERT_TRUE(cached->list("", ignore));
    EXPECT_EQ(cached->get(one).value(), content);
  }
  EXPECT_EQ(gets(), names.size());
  EXPECT_THAT(scratch_.files(), IsEmpty());
}

TEST_F(CachedTest, WhatDoesNotHaveItsNamesHashIsNotKept) {
  const Bytes other = base::copy_of(view_of("something else, as long as that is"));
  const auto cached = open();
  ASSERT_TRUE(cached->put(name, other, PutMode::create_only));
  ASSERT_TRUE(cached->list("index/", ignore));
  EXPECT_EQ(cached->get(name).value(), other);  // the repository says what is wrong with it
  EXPECT_THAT(scratch_.files(), IsEmpty());
}

TEST_F(CachedTest, ADamagedCopyIsReadAgainFromTheStorage) {
  store(name, content);
  ASSERT_TRUE(open()->get(name));
  for (std::size_t at = 0; at < content.size(); ++at) {
    Bytes damaged = content;
    damaged[at] ^= 1;
    overwrite(copy(), damaged);
    const std::uint64_t before = gets();
    EXPECT_EQ(open()->get(name).value(), content) << at;
    EXPECT_EQ(gets(), before + 1) << at;
    EXPECT_EQ(base::read_file(copy(), 1000).value(), content) << at;
  }
}

TEST_F(CachedTest, ADamagedCopyGoesThoughTheStorageDoesNotAnswer) {
  store(name, content);
  ASSERT_TRUE(open()->get(name));
  overwrite(copy(), Bytes(content.size()));
  EXPECT_EQ(open(true, {{Operation::get, 1, 1}})->get(name).error().code, Errc::unavailable);
  EXPECT_THAT(scratch_.files(), IsEmpty());
}

TEST_F(CachedTest, ACopyOfAnotherLengthIsReadAgainFromTheStorage) {
  store(name, content);
  ASSERT_TRUE(open()->get(name));
  for (std::size_t size = 0; size <= content.size() + 5; ++size) {
    if (size == content.size()) continue;
    fs::resize_file(copy(), size);
    const std::uint64_t before = gets();
    EXPECT_EQ(open()->get(name).value(), content) << size;
    EXPECT_EQ(gets(), before + 1) << size;
    EXPECT_EQ(base::read_file(copy(), 1000).value(), content) << size;
  }
}

TEST_F(CachedTest, ACopyOfWhatIsGoneIsNotGiven) {
  store(name, content);
  const auto cached = open();
  ASSERT_TRUE(cached->get(name));
  ASSERT_TRUE(storage().remove(name));
  EXPECT_EQ(open(false)->get(name).error().code, Errc::not_found);  // nobody has listed it
  EXPECT_EQ(cached->stat(name).error().code, Errc::not_found);
  ASSERT_TRUE(cached->list("index/", ignore));
  EXPECT_EQ(cached->get(name).error().code, Errc::not_found);
  EXPECT_THAT(scratch_.files(), IsEmpty());
}

TEST_F(CachedTest, AnObjectThatWasCutOffIsNotHiddenByItsCopy) {
  store(name, content);
  ASSERT_TRUE(open()->get(name));
  const auto half = ByteView(content).first(content.size() / 2);
  store(name, half);
  EXPECT_EQ(open()->get(name)->size(), half.size());
}

TEST_F(CachedTest, ListsAndStatsAlwaysAskTheStorage) {
  store(name, content);
  const auto cached = open();
  ASSERT_TRUE(cached->get(name));
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(cached->list("index/", ignore));
    ASSERT_TRUE(cached->stat(name));
  }
  EXPECT_EQ(counters_->lists, 4U);
  EXPECT_EQ(counters_->stats, 3U);
}

TEST_F(CachedTest, AListThatFailsShowsNothing) {
  store(name, content);
  ASSERT_TRUE(open()->get(name));
  const auto cached = open(false, {{Operation::list, 1, 1, Fault::Kind::before}});
  ASSERT_FALSE(cached->list("index/", ignore));
  EXPECT_THAT(scratch_.files(), SizeIs(1));
  ASSERT_TRUE(cached->get(name));
  EXPECT_EQ(gets(), 2U);
}

TEST_F(CachedTest, OtherListsDropNothing) {
  store(name, content);
  store("snapshots/" + base::sha256(content).hex(), content);
  const auto cached = open();
  ASSERT_TRUE(cached->get(name));
  ASSERT_TRUE(cached->list("locks/", ignore));
  ASSERT_TRUE(cached->list("snapshots/", ignore));
  ASSERT_TRUE(cached->list("data/", ignore));
  EXPECT_THAT(scratch_.files(), SizeIs(1));
  ASSERT_TRUE(cached->get(name));
  EXPECT_EQ(gets(), 1U);
}

TEST_F(CachedTest, PartsOfAnObjectComeFromTheStorage) {
  store(name, content);
  const auto cached = open();
  ASSERT_TRUE(cached->get(name));
  EXPECT_EQ(cached->get(name, {3, 4})->size(), 4U);
  EXPECT_EQ(cached->get(name, {0, 1000}).error().code, Errc::corrupt);
  EXPECT_EQ(gets(), 3U);
}

TEST_F(CachedTest, RemovingDropsTheCopies) {
  const auto cached = open();
  ASSERT_TRUE(cached->put(name, content, PutMode::create_only));
  store(pack, view_of("abcdef"));
  ASSERT_TRUE(cached->get_piece(pack, {0, 3}, wants("abc")));
  ASSERT_TRUE(cached->get_piece(pack, {3, 3}, wants("def")));
  EXPECT_THAT(scratch_.files(), SizeIs(3));
  ASSERT_TRUE(cached->remove(pack));
  EXPECT_THAT(scratch_.files(), SizeIs(1));
  ASSERT_TRUE(cached->remove(name));
  EXPECT_THAT(scratch_.files(), IsEmpty());
  EXPECT_EQ(cached->get(name).error().code, Errc::not_found);
}

TEST_F(CachedTest, PiecesAreKeptOnceTheyAreApproved) {
  store(pack, view_of("abcdef"));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(open()->get_piece(pack, {2, 3}, wants("cde")));
  EXPECT_EQ(gets(), 1U);
  ASSERT_TRUE(open()->get_piece(pack, {2, 2}, wants("cd")));  // another piece
  EXPECT_EQ(gets(), 2U);
}

TEST_F(CachedTest, APieceThatIsRefusedIsReadOnceFromTheStorage) {
  store(pack, view_of("abcdef"));
  ASSERT_TRUE(open()->get_piece(pack, {2, 3}, wants("cde")));
  const fs::path piece = scratch_.files().at(0);
  for (const char* forged : {"Cde", "cdE", "", "cd", "cdef", "xyz"}) {
    overwrite(piece, view_of(forged));
    const std::uint64_t before = gets();
    EXPECT_TRUE(open()->get_piece(pack, {2, 3}, wants("cde"))) << forged;
    EXPECT_EQ(gets(), before + 1) << forged;
    EXPECT_EQ(base::text_of(base::read_file(piece, 100).value()), "cde") << forged;
  }
}

TEST_F(CachedTest, WhatIsStoredWronglyIsReadOnceAndNotKept) {
  store(pack, view_of("abXdef"));
  EXPECT_EQ(open()->get_piece(pack, {2, 3}, wants("cde")).error().code, Errc::corrupt);
  EXPECT_EQ(gets(), 1U);
  EXPECT_EQ(judged_, 1);
  EXPECT_THAT(scratch_.files(), IsEmpty());
}

TEST_F(CachedTest, PiecesOfPacksThatAreGoneGoWithAListOfPacks) {
  const std::string other = "data/0b/0b" + std::string(62, '2');
  const auto cached = open();
  for (const std::string& one : {pack, other}) {
    store(one, view_of("abc"));
    ASSERT_TRUE(cached->get_piece(one, {0, 3}, wants("abc")));
  }
  ASSERT_TRUE(storage().remove(pack));
  ASSERT_TRUE(cached->list("data/0b/", ignore));
  EXPECT_THAT(scratch_.files(), SizeIs(2));
  ASSERT_TRUE(cached->list("data/", ignore));
  EXPECT_THAT(scratch_.files(), SizeIs(1));
}

TEST_F(CachedTest, WhoReadsPastItSeesWhatIsStored) {
  store(name, content);
  store(pack, view_of("abc"));
  ASSERT_TRUE(open()->get(name));
  ASSERT_TRUE(open()->get_piece(pack, {0, 3}, wants("abc")));
  Bytes damaged = content;
  damaged[5] ^= 1;
  store(name, damaged);
  store(pack, view_of("abX"));
  const auto cached = open();
  EXPECT_EQ(cached->get(name).value(), content);
  EXPECT_TRUE(cached->get_piece(pack, {0, 3}, wants("abc")));
  cached->read_past();
  EXPECT_EQ(cached->get(name).value(), damaged);
  EXPECT_FALSE(cached->get_piece(pack, {0, 3}, wants("abc")));
}

TEST_F(CachedTest, ThreadsReadTheRightBytesWhateverBecomesOfTheCopies) {
  std::vector<std::pair<std::string, Bytes>> objects;
  for (std::uint64_t i = 0; i < 40; ++i) {
    Bytes bytes(100 + i * 1000);
    base::Random(i).fill(bytes);
    objects.emplace_back("index/" + base::sha256(bytes).hex(), bytes);
    store(objects.back().first, bytes);
  }
  const auto cached = open();
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t thread = 0; thread < 6; ++thread) {
      threads.emplace_back([&, thread] {
        base::Random random(thread);
        for (int i = 0; i < 300; ++i) {
          const auto& [at, bytes] = objects[random.below(objects.size())];
          ASSERT_EQ(cached->get(at).value(), bytes);
          std::error_code ignored;
          if (random.below(30) == 0) fs::resize_file(scratch_.of({}) / at, 7, ignored);
          if (random.below(100) == 0) {
            ASSERT_TRUE(cached->list("index/", ignore));
          }
          if (thread == 0 && i == 150) fs::remove_all(scratch_.root(), ignored);
        }
      });
    }
  }
}

}  // namespace
}  // namespace stillpoint::storage

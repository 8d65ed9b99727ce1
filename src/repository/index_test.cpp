// SPDX-License-Identifier: Apache-2.0
#include "repository/index.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include "repository/testing.h"

namespace stillpoint::repository {
namespace {

Id id_of(std::uint64_t number) {
  Id id;
  base::Random(number).fill(id.bytes);
  return id;
}

TEST(Index, FindsEveryBlobByTypeAndId) {
  Index index;
  EXPECT_FALSE(index.find(BlobType::data, id_of(1)));
  for (std::uint32_t pack = 0; pack < 50; ++pack) {
    std::vector<PackedBlob> blobs;
    for (std::uint32_t i = 0; i < 100; ++i) {
      blobs.push_back({id_of(1000 + pack * 100 + i), i % 10 == 0 ? BlobType::tree : BlobType::data,
                       i * 40, 40, i});
    }
    index.add(id_of(pack), blobs);
  }
  EXPECT_EQ(index.blob_count(), 5000U);
  for (std::uint32_t n = 0; n < 5000; ++n) {
    const BlobType type = n % 10 == 0 ? BlobType::tree : BlobType::data;
    const BlobType other = n % 10 == 0 ? BlobType::data : BlobType::tree;
    const auto place = index.find(type, id_of(1000 + n));
    ASSERT_TRUE(place) << n;
    EXPECT_EQ(place->pack, id_of(n / 100));
    EXPECT_EQ(place->blob.offset, n % 100 * 40);
    EXPECT_EQ(place->blob.plain_bytes, n % 100);
    EXPECT_FALSE(index.find(other, id_of(1000 + n)));
  }
}

TEST(Index, ABlobInTwoPacksIsFoundInTheFirstAndListedInBoth) {
  Index index;
  index.add(id_of(1), {{id_of(9), BlobType::data, 0, 40, 0}});
  index.add(id_of(2), {{id_of(9), BlobType::data, 5, 40, 0}});
  index.add(id_of(2), {{id_of(8), BlobType::data, 5, 40, 0}});  // the pack is known: nothing new
  EXPECT_EQ(index.find(BlobType::data, id_of(9))->pack, id_of(1));
  EXPECT_FALSE(index.contains(BlobType::data, id_of(8)));
  const auto packs = index.by_pack();
  ASSERT_EQ(packs.size(), 2U);
  EXPECT_EQ(packs.at(id_of(2)).at(0).offset, 5U);
}

PackedBlob blob(std::uint64_t number, std::uint32_t offset) {
  return {id_of(number), BlobType::data, offset, 40, 0};
}

TEST(Index, WhatIsToBeAvoidedIsFoundOnlyWhereNothingElseIs) {
  for (const bool loaded_before : {false, true}) {
    Index index;
    if (!loaded_before) index.avoid({id_of(1)});
    index.add(id_of(1), {blob(8, 0), blob(9, 40)});
    index.add(id_of(2), {blob(9, 7)});
    if (loaded_before) index.avoid({id_of(1)});
    EXPECT_EQ(index.find(BlobType::data, id_of(9))->pack, id_of(2));
    EXPECT_EQ(index.find(BlobType::data, id_of(8))->pack, id_of(1));
    index.add(id_of(3), {blob(8, 0)});
    EXPECT_EQ(index.find(BlobType::data, id_of(8))->pack, id_of(3));
    index.clear();
    EXPECT_FALSE(index.contains(BlobType::data, id_of(8)));
    index.add(id_of(1), {blob(8, 0)});
    index.add(id_of(2), {blob(8, 0)});
    EXPECT_EQ(index.find(BlobType::data, id_of(8))->pack, id_of(2));
  }
}

TEST(Index, ThePreferredCopyIsFoundHoweverTheTableGrows) {
  Index index;
  index.add(id_of(1), {blob(9, 0)});
  const std::uint32_t second = index.add(id_of(2), {blob(9, 80)});
  index.prefer(index.entries_of(second).first);
  for (std::uint64_t number = 100; number < 5000; ++number) {
    index.add(id_of(number * 10), {blob(number, 0)});
  }
  EXPECT_EQ(index.find(BlobType::data, id_of(9))->pack, id_of(2));
  EXPECT_EQ(index.find(BlobType::data, id_of(9))->blob.offset, 80U);
}

TEST(Index, PacksAndEntriesAreKnownByTheirNumbers) {
  Index index;
  index.add(id_of(1), {blob(8, 0)});
  const std::uint32_t pack = index.add(id_of(2), {blob(7, 80), blob(6, 0), blob(5, 40)});
  EXPECT_EQ(index.add(id_of(2), {}), pack) << "it is known already";
  EXPECT_EQ(index.pack_number(id_of(2)), pack);
  EXPECT_FALSE(index.pack_number(id_of(3)));
  EXPECT_EQ(index.pack_id(pack), id_of(2));
  EXPECT_EQ(index.pack_count(), 2U);
  EXPECT_EQ(index.entries_of(pack).count, 3U);
  const std::uint32_t entry = *index.entry_of(BlobType::data, id_of(6));
  EXPECT_EQ(entry, index.entries_of(pack).first + 1);
  EXPECT_EQ(index.pack_of(entry), pack);
  EXPECT_EQ(index.blob(entry).id, id_of(6));
  std::vector<Id> in_order;
  for (const PackedBlob& one : index.blobs_of(pack)) in_order.push_back(one.id);
  EXPECT_EQ(in_order, (std::vector<Id>{id_of(6), id_of(5), id_of(7)}));
}

TEST(Index, TwoMillionBlobsTakeAtMost128MiB) {
  const auto in_use = [] {
    const struct mallinfo2 info = ::mallinfo2();
    return info.uordblks + info.hblkhd;
  };
  const std::size_t before = in_use();
  if (before == 0) GTEST_SKIP() << "the sanitizer's malloc does not count";
  Index index;
  std::size_t most = 0;
  for (std::uint32_t pack = 0; pack < 2000; ++pack) {
    std::vector<PackedBlob> blobs;
    for (std::uint32_t i = 0; i < 1000; ++i) {
      blobs.push_back({id_of(pack * 1000ULL + i + 1'000'000), BlobType::data, i * 40, 40, 0});
    }
    index.add(id_of(pack), blobs);
    most = std::max(most, in_use() - before);
  }
  EXPECT_EQ(index.blob_count(), 2'000'000U);
  EXPECT_LE(most, 128U << 20);
  RecordProperty("bytes_a_blob", std::to_string(most / 2'000'000));
}

}  // namespace
}  // namespace stillpoint::repository

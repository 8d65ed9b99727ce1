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

// SPDX-License-Identifier: Apache-2.0
#include "repository/chunker.h"

#include <set>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "base/sha256.h"
#include "repository/testing.h"

namespace stillpoint::repository {
namespace {

using limits::GiB;
using limits::KiB;
using limits::MiB;

constexpr ChunkSizes sizes{16 * KiB, 64 * KiB, 256 * KiB};

std::vector<ByteView> cut_all(ByteView bytes) {
  std::vector<ByteView> chunks;
  while (!bytes.empty()) {
    std::size_t length = find_cut(bytes, sizes);
    if (length == 0) length = bytes.size();
    chunks.push_back(bytes.first(length));
    bytes = bytes.subspan(length);
  }
  return chunks;
}

TEST(Chunker, ChunksAreWithinTheirLimitsAndNearTheAverage) {
  const Bytes bytes = random_bytes(1, 32 * MiB);
  const auto chunks = cut_all(bytes);
  for (std::size_t i = 0; i + 1 < chunks.size(); ++i) {
    EXPECT_GE(chunks[i].size(), sizes.least);
    EXPECT_LE(chunks[i].size(), sizes.most);
  }
  const std::size_t mean = bytes.size() / chunks.size();
  EXPECT_GT(mean, sizes.average / 2);
  EXPECT_LT(mean, sizes.average * 2);
}

TEST(Chunker, WhereItCutsNeverChanges) {
  // Another cut would make every later backup store everything again: a new value here is a
  // mistake.
  base::Sha256 cuts;
  for (const ByteView chunk : cut_all(random_bytes(2, 8 * MiB))) {
    cuts.update(base::view_of(std::to_string(chunk.size()) + ","));
  }
  EXPECT_EQ(cuts.finish().brief(), "4b07970c");
}

TEST(Chunker, BytesInsertedInFrontChangeFewChunks) {
  const Bytes before = random_bytes(3, 16 * MiB);
  Bytes after = random_bytes(4, 37);
  base::append(after, before);
  std::set<Id> known;
  for (const ByteView chunk : cut_all(before)) known.insert(base::sha256(chunk));
  int fresh = 0;
  for (const ByteView chunk : cut_all(after)) fresh += known.contains(base::sha256(chunk)) ? 0 : 1;
  EXPECT_LE(fresh, 3);
}

TEST(Chunker, CutsPagesAsSmallAsTheirNumberAllows) {
  EXPECT_EQ(page_block_bytes(0, 4096, 1), 4 * KiB);
  EXPECT_EQ(page_block_bytes(128 * MiB, 4096, 1), 4 * KiB);
  EXPECT_EQ(page_block_bytes(128 * MiB + 1, 4096, 1), 8 * KiB);
  EXPECT_EQ(page_block_bytes(1 * GiB, 512, 1), 32 * KiB);
  EXPECT_EQ(page_block_bytes(0, 1 << 16, 1), 64 * KiB);
  // Alone or with some others: the same.
  EXPECT_EQ(page_block_bytes(128 * MiB, 4096, 64), 4 * KiB);
  EXPECT_EQ(page_block_bytes(128 * MiB, 4096, 65), 8 * KiB);
  EXPECT_EQ(page_block_bytes(128 * MiB, 4096, 128), 8 * KiB);
}

TEST(Chunker, KeepsFilesOfPagesBelowTheirNumbersOfChunks) {
  for (const std::uint64_t bytes : {1 * MiB, 1 * GiB, 50 * GiB, 200 * GiB}) {
    for (const std::size_t files : {1, 10, 1000, 1'000'000}) {
      const std::size_t block = page_block_bytes(bytes, 4096, files);
      EXPECT_EQ(block % 4096, 0U);
      if (block == limits::chunk_bytes_max) continue;
      EXPECT_LE(bytes / block, 32'768U) << bytes;
      EXPECT_LE(bytes / block * files, std::max<std::uint64_t>(2 << 20, files)) << bytes;
    }
  }
}

}  // namespace
}  // namespace stillpoint::repository

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

TEST(Chunker, KeepsAnyFileBelow64KiChunks) {
  for (const std::uint64_t bytes : {1 * MiB, 1 * GiB, 50 * GiB, 200 * GiB}) {
    const std::size_t block = page_block_bytes(bytes, 4096);
    EXPECT_LE(bytes / block, 65'536U) << bytes;
    EXPECT_EQ(block % 4096, 0U);
  }
  EXPECT_EQ(page_block_bytes(0, 1 << 20), std::size_t{1} << 20);
}

}  // namespace
}  // namespace stillpoint::repository

// SPDX-License-Identifier: Apache-2.0
#include "repository/chunker.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/limits.h"
#include "base/random.h"

namespace stillpoint::repository {
namespace {

using limits::GiB;
using limits::KiB;
using limits::MiB;

constexpr std::uint64_t chunks_wanted = 32'768;  // half of the most, for estimates that are too low
// Of all files of pages in a backup. They take 112 MiB of memory while the index is loaded.
constexpr std::uint64_t page_blocks_wanted = 2 << 20;

// Random numbers, one for each byte value. They decide where every stream is cut: never change
// them.
const std::array<std::uint64_t, 256>& gear() {
  static const std::array<std::uint64_t, 256> table = [] {
    std::array<std::uint64_t, 256> numbers = {};
    base::Random random(0x5354494C4C504F49ULL);
    for (std::uint64_t& number : numbers) number = random.next();
    return numbers;
  }();
  return table;
}

// `bits` ones at the top, where the gear hash has seen the most bytes.
std::uint64_t mask_of(int bits) {
  return ~0ULL << (64 - bits);
}

std::size_t power_of_two_for(std::uint64_t bytes_estimate, std::uint64_t chunks, std::size_t least,
                             std::size_t most) {
  const std::uint64_t wanted = std::bit_ceil((bytes_estimate + chunks - 1) / chunks);
  return static_cast<std::size_t>(std::clamp<std::uint64_t>(wanted, least, most));
}

}  // namespace

ChunkSizes stream_chunk_sizes(std::uint64_t bytes_estimate) {
  // Small objects change in small places; large ones must not drown the index.
  const std::size_t least = bytes_estimate != 0 && bytes_estimate < 16 * MiB ? 64 * KiB : 512 * KiB;
  const std::size_t average = power_of_two_for(bytes_estimate, chunks_wanted, least, 1 * MiB);
  return {average / 4, average, std::min(average * 4, limits::chunk_bytes_max)};
}

std::size_t page_block_bytes(std::uint64_t bytes_estimate, std::uint32_t page_bytes,
                             std::size_t files) {
  // A power of two: one file more does not change where all are cut.
  const std::uint64_t share = page_blocks_wanted / std::bit_ceil(std::max<std::uint64_t>(files, 1));
  const std::uint64_t chunks = std::clamp<std::uint64_t>(share, 1, chunks_wanted);
  const std::size_t block =
      power_of_two_for(bytes_estimate, chunks, 4 * KiB, limits::chunk_bytes_max);
  return std::max<std::size_t>(block, page_bytes);
}

std::size_t find_cut(ByteView bytes, const ChunkSizes& sizes) {
  const int bits = std::bit_width(sizes.average) - 1;
  const std::uint64_t strict = mask_of(bits + 1);
  const std::uint64_t lax = mask_of(bits - 1);
  const auto& numbers = gear();
  const std::size_t most = std::min(bytes.size(), sizes.most);
  const std::size_t average = std::min(most, sizes.average);
  std::uint64_t hash = 0;
  std::size_t at = std::min(sizes.least, most);
  for (; at < average; ++at) {
    hash = (hash << 1) + numbers[bytes[at]];
    if ((hash & strict) == 0) return at + 1;
  }
  for (; at < most; ++at) {
    hash = (hash << 1) + numbers[bytes[at]];
    if ((hash & lax) == 0) return at + 1;
  }
  return bytes.size() >= sizes.most ? sizes.most : 0;
}

}  // namespace stillpoint::repository

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace stillpoint::repository {

// A bit for each number, such as those of an index's entries; all are clear at first. Grows as
// needed. Not thread-safe.
class EntryBits {
 public:
  bool test(std::uint32_t number) const {
    const std::size_t word = number / 64;
    return word < words_.size() && (words_[word] >> (number % 64) & 1) != 0;
  }
  // True when it was clear.
  bool set(std::uint32_t number) {
    const std::size_t word = number / 64;
    if (word >= words_.size()) words_.resize(word + 1);
    const std::uint64_t bit = std::uint64_t{1} << (number % 64);
    const bool was_clear = (words_[word] & bit) == 0;
    words_[word] |= bit;
    return was_clear;
  }
  void clear(std::uint32_t number) {
    const std::size_t word = number / 64;
    if (word < words_.size()) words_[word] &= ~(std::uint64_t{1} << (number % 64));
  }
  std::size_t count() const {
    std::size_t total = 0;
    for (const std::uint64_t word : words_) total += static_cast<std::size_t>(std::popcount(word));
    return total;
  }

 private:
  std::vector<std::uint64_t> words_;
};

}  // namespace stillpoint::repository

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/bytes.h"

namespace stillpoint::base {

// From the kernel: for keys, initialisation vectors and names. Ends the program where there is
// none.
void secure_random(std::span<Byte> out);
std::string random_token();  // 16 hex digits

// A reproducible sequence (splitmix64): for generated data and jitter, never for secrets.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15ULL);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }
  void fill(std::span<Byte> out) {
    std::size_t at = 0;
    for (; at + 8 <= out.size(); at += 8) put(out.data() + at, next(), 8);
    if (at < out.size()) put(out.data() + at, next(), out.size() - at);
  }

 private:
  static void put(Byte* to, std::uint64_t value, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) to[i] = static_cast<Byte>(value >> (8 * i));
  }
  std::uint64_t state_;
};

}  // namespace stillpoint::base

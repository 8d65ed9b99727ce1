// SPDX-License-Identifier: Apache-2.0
#include "repository/polynomial.h"

#include <array>
#include <bit>
#include <utility>

#include "base/encoding.h"
#include "base/random.h"

namespace stillpoint::repository {
namespace {

constexpr int degree_wanted = 53;

int degree(std::uint64_t p) {
  return std::bit_width(p) - 1;
}

std::uint64_t remainder(std::uint64_t of, std::uint64_t by) {
  for (int shift = degree(of) - degree(by); shift >= 0; shift = degree(of) - degree(by)) {
    of ^= by << shift;
    if (of == 0) break;
  }
  return of;
}

std::uint64_t multiply(std::uint64_t a, std::uint64_t b, std::uint64_t modulus) {
  std::uint64_t product = 0;
  for (a = remainder(a, modulus); b != 0; b >>= 1) {
    if ((b & 1) != 0) product ^= a;
    a = remainder(a << 1, modulus);
  }
  return product;
}

std::uint64_t common_divisor(std::uint64_t a, std::uint64_t b) {
  while (b != 0) a = std::exchange(b, remainder(a, b));
  return a;
}

// x^(2^power) - x, modulo `modulus`
std::uint64_t frobenius_minus_x(int power, std::uint64_t modulus) {
  std::uint64_t value = 2;
  for (int i = 0; i < power; ++i) value = multiply(value, value, modulus);
  return value ^ 2;
}

}  // namespace

// Ben-Or's test: no factor of any degree up to half of it.
bool is_irreducible(std::uint64_t polynomial) {
  for (int i = 1; i <= degree(polynomial) / 2; ++i) {
    if (common_divisor(polynomial, frobenius_minus_x(i, polynomial)) != 1) return false;
  }
  return true;
}

std::uint64_t random_polynomial() {
  for (;;) {
    std::array<Byte, 8> bytes = {};
    base::secure_random(bytes);
    std::uint64_t candidate = base::get_u32(bytes.data());
    candidate |= static_cast<std::uint64_t>(base::get_u32(bytes.data() + 4)) << 32;
    candidate &= (1ULL << (degree_wanted + 1)) - 1;
    candidate |= 1ULL << degree_wanted | 1;
    if (is_irreducible(candidate)) return candidate;
  }
}

}  // namespace stillpoint::repository

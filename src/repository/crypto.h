// SPDX-License-Identifier: Apache-2.0
// restic's encryption: AES-256-CTR, authenticated with Poly1305-AES. A sealed text is
// 16 bytes of random initialisation vector, the ciphertext, 16 bytes of authentication code.
#pragma once

#include <array>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace stillpoint::repository {

inline constexpr std::size_t iv_bytes = 16;
inline constexpr std::size_t mac_bytes = 16;
inline constexpr std::size_t seal_overhead = iv_bytes + mac_bytes;

struct SealKey {
  std::array<Byte, 32> encrypt = {};
  std::array<Byte, 16> mac_k = {};
  std::array<Byte, 16> mac_r = {};
};

// Cost of deriving a key from a password.
struct ScryptCost {
  std::uint64_t n = 32768;
  std::uint32_t r = 8;
  std::uint32_t p = 3;
};

SealKey random_key();
// Fails (invalid) where the cost is more than we are ready to pay for a key file of somebody's
// making.
Result<SealKey> derive_key(std::string_view password, ByteView salt, const ScryptCost& cost);

Bytes seal(const SealKey& key, ByteView plain);
void append_sealed(Bytes& out, const SealKey& key, ByteView plain);
// `corrupt` where the bytes are not what was sealed with this key.
Result<Bytes> unseal(const SealKey& key, ByteView sealed);

}  // namespace stillpoint::repository

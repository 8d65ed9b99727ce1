// SPDX-License-Identifier: Apache-2.0
// Text forms of bytes: hex, base64, percent-encoding; little-endian numbers.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace stillpoint::base {

std::string hex(ByteView bytes);                            // lower case
bool from_hex(std::string_view text, std::span<Byte> out);  // false unless exactly out.size() bytes

std::string base64(ByteView bytes);  // RFC 4648 with padding
Result<Bytes> from_base64(std::string_view text);

// Path components as the repository stores them: all but a-z0-9._$- become %xx (lower case), and a
// leading dot too, so that names are injective and safe on file systems that fold case.
std::string percent_encode(std::string_view text);
Result<std::string> percent_decode(std::string_view text);

inline void put_u32(Bytes& out, std::uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<Byte>(value >> shift));
}
inline std::uint32_t get_u32(const Byte* from) {
  return static_cast<std::uint32_t>(from[0]) | static_cast<std::uint32_t>(from[1]) << 8 |
         static_cast<std::uint32_t>(from[2]) << 16 | static_cast<std::uint32_t>(from[3]) << 24;
}

}  // namespace stillpoint::base

// SPDX-License-Identifier: Apache-2.0
// SHA-256, and the ids made of it: everything in the repository is named by the hash of its
// content.
#pragma once

#include <array>
#include <compare>
#include <cstring>
#include <functional>
#include <memory>
#include <string>

#include "base/bytes.h"

namespace stillpoint::base {

struct Id {
  std::array<Byte, 32> bytes = {};

  auto operator<=>(const Id&) const = default;
  std::string hex() const;
  std::string brief() const { return hex().substr(0, 8); }
  static bool parse(std::string_view text, Id& out);  // false unless 64 lower-case hex digits
};

Id sha256(ByteView bytes);

// A hash over pieces. Not thread-safe; finish() may be called once.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void update(ByteView bytes);
  Id finish();

 private:
  struct Free {
    void operator()(void* context) const;
  };
  std::unique_ptr<void, Free> context_;
};

}  // namespace stillpoint::base

template <>
struct std::hash<stillpoint::base::Id> {
  std::size_t operator()(const stillpoint::base::Id& id) const noexcept {
    std::size_t value = 0;  // an id is uniformly distributed: any eight bytes of it are a hash
    std::memcpy(&value, id.bytes.data(), sizeof value);
    return value;
  }
};

namespace stillpoint {
using base::Id;
}

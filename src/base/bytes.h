// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace stillpoint::base {

using Byte = std::uint8_t;
using ByteView = std::span<const Byte>;

// Leaves new bytes unset: buffers of megabytes are filled by reads, not by zeros first.
template <class T>
struct UnsetAllocator : std::allocator<T> {
  template <class U>
  struct rebind {
    using other = UnsetAllocator<U>;
  };
  UnsetAllocator() = default;
  template <class U>
  explicit UnsetAllocator(const UnsetAllocator<U>&) {}
  template <class U>
  void construct(U* place) {
    ::new (static_cast<void*>(place)) U;
  }
  template <class U, class... Args>
  void construct(U* place, Args&&... args) {
    ::new (static_cast<void*>(place)) U(std::forward<Args>(args)...);
  }
};

using Bytes = std::vector<Byte, UnsetAllocator<Byte>>;

inline ByteView view_of(std::string_view text) {
  return {reinterpret_cast<const Byte*>(text.data()), text.size()};
}
inline std::string_view text_of(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
// By memcpy, also where it has to grow: vector copies byte by byte where the allocator is not its
// own. `bytes` must not be a part of `to`.
inline void append(Bytes& to, ByteView bytes) {
  if (bytes.empty()) return;
  const std::size_t before = to.size();
  if (to.capacity() - before < bytes.size()) {
    Bytes larger;
    larger.reserve(std::max(before + bytes.size(), 2 * to.capacity()));
    larger.resize(before);
    if (before > 0) std::memcpy(larger.data(), to.data(), before);
    to = std::move(larger);
  }
  to.resize(before + bytes.size());
  std::memcpy(to.data() + before, bytes.data(), bytes.size());
}
inline Bytes copy_of(ByteView bytes) {
  Bytes copy;
  append(copy, bytes);
  return copy;
}
inline Bytes copy_of(std::string_view text) {
  return copy_of(view_of(text));
}

}  // namespace stillpoint::base

namespace stillpoint {
using base::Byte;
using base::Bytes;
using base::ByteView;
}  // namespace stillpoint

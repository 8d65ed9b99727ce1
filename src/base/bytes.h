// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
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
inline Bytes copy_of(ByteView bytes) {
  return {bytes.begin(), bytes.end()};
}
inline Bytes copy_of(std::string_view text) {
  return copy_of(view_of(text));
}
inline void append(Bytes& to, ByteView bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

}  // namespace stillpoint::base

namespace stillpoint {
using base::Byte;
using base::Bytes;
using base::ByteView;
}  // namespace stillpoint

// SPDX-License-Identifier: Apache-2.0
#include "storage/range.h"

#include "base/limits.h"

namespace stillpoint::storage {

Result<ByteRange> resolve_range(std::string_view name, ByteRange range, std::uint64_t bytes) {
  const bool to_the_end = range.size == ByteRange{}.size;
  if (range.offset > bytes) {
    return fail(Errc::corrupt, "{} has {} bytes, but is to be read from byte {} on", name, bytes,
                range.offset);
  }
  const std::uint64_t rest = bytes - range.offset;
  if (!to_the_end && range.size > rest) {
    return fail(Errc::corrupt, "{} has {} bytes, but {} are to be read from byte {} on", name,
                bytes, range.size, range.offset);
  }
  const std::uint64_t size = to_the_end ? rest : range.size;
  if (size > limits::object_bytes_max) {
    return fail(Errc::unsupported, "{}: {} bytes at once are more than the {} that we hold", name,
                size, limits::object_bytes_max);
  }
  return ByteRange{range.offset, size};
}

Result<Bytes> get_exactly(Backend& backend, std::string_view name, ByteRange range) {
  Bytes bytes = TRY(backend.get(name, range));
  if (bytes.size() == range.size) return bytes;
  return fail(Errc::corrupt, "{}: {} gave {} bytes where {} were asked for", name, backend.url(),
              bytes.size(), range.size);
}

}  // namespace stillpoint::storage

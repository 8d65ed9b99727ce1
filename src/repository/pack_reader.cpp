// SPDX-License-Identifier: Apache-2.0
#include "repository/pack_reader.h"

#include <string>

#include "repository/pack.h"
#include "storage/range.h"

namespace stillpoint::repository {

Result<std::vector<PackedBlob>> read_pack_header(const Repository& repository, const Id& pack,
                                                 std::uint64_t pack_bytes) {
  const std::string name = name_of_file(FileKind::pack, pack);
  const std::string doing = "read the header of " + name;
  if (pack_bytes < seal_overhead + pack_trailer_bytes) {
    return fail(Errc::corrupt, "{}: it has only {} bytes", doing, pack_bytes);
  }
  storage::Backend& backend = repository.backend();
  const storage::ByteRange end{pack_bytes - pack_trailer_bytes, pack_trailer_bytes};
  const Bytes trailer = TRY_DURING(doing, get_exactly(backend, name, end));
  const std::size_t size = TRY_DURING(doing, pack_header_bytes(trailer, pack_bytes));
  const Bytes tail = TRY_DURING(doing, get_exactly(backend, name, {pack_bytes - size, size}));
  return TRY_DURING(doing, decode_pack_header(repository.key(), tail, pack_bytes));
}

}  // namespace stillpoint::repository

// SPDX-License-Identifier: Apache-2.0
#include "repository/pack.h"

#include <cstring>
#include <utility>

#include "base/encoding.h"
#include "base/limits.h"

namespace stillpoint::repository {
namespace {

constexpr std::size_t plain_entry_bytes = 1 + 4 + 32;
constexpr std::size_t compressed_entry_bytes = 1 + 4 + 4 + 32;

Bytes encode_entries(const std::vector<PackedBlob>& blobs) {
  Bytes header;
  header.reserve(blobs.size() * compressed_entry_bytes);
  for (const PackedBlob& blob : blobs) {
    const bool compressed = blob.plain_bytes != 0;
    header.push_back(static_cast<Byte>(static_cast<Byte>(blob.type) + (compressed ? 2 : 0)));
    base::put_u32(header, blob.length);
    if (compressed) base::put_u32(header, blob.plain_bytes);
    base::append(header, blob.id.bytes);
  }
  return header;
}

Result<PackedBlob> take_entry(ByteView& header) {
  PackedBlob blob;
  const Byte type = header[0];
  const bool compressed = type == 2 || type == 3;
  if (type > 3) return fail(Errc::corrupt, "a blob of unknown type {}", type);
  const std::size_t size = compressed ? compressed_entry_bytes : plain_entry_bytes;
  if (header.size() < size) return fail(Errc::corrupt, "the pack header ends within an entry");
  blob.type = type % 2 == 1 ? BlobType::tree : BlobType::data;
  blob.length = base::get_u32(header.data() + 1);
  if (compressed) blob.plain_bytes = base::get_u32(header.data() + 5);
  std::memcpy(blob.id.bytes.data(), header.data() + size - 32, 32);
  header = header.subspan(size);
  return blob;
}

}  // namespace

std::uint32_t PackedBlob::size() const {
  if (plain_bytes != 0) return plain_bytes;
  return length >= seal_overhead ? length - static_cast<std::uint32_t>(seal_overhead) : 0;
}

PackBuilder::PackBuilder(std::size_t bytes_wanted) : bytes_wanted_(bytes_wanted) {}

void PackBuilder::add(BlobType type, const Id& id, ByteView sealed, std::size_t plain_bytes) {
  // Room for the blob that fills it, too. It is address space only until bytes are written.
  if (bytes_.capacity() == 0)
    bytes_.reserve(bytes_wanted_ + sealed.size() + limits::chunk_bytes_max);
  blobs_.push_back({id, type, static_cast<std::uint32_t>(bytes_.size()),
                    static_cast<std::uint32_t>(sealed.size()),
                    static_cast<std::uint32_t>(plain_bytes)});
  base::append(bytes_, sealed);
}

PackBuilder::Pack PackBuilder::finish(const SealKey& key, Bytes spare) {
  const std::size_t before = bytes_.size();
  append_sealed(bytes_, key, encode_entries(blobs_));
  base::put_u32(bytes_, static_cast<std::uint32_t>(bytes_.size() - before));
  Pack pack{std::move(bytes_), std::move(blobs_)};
  bytes_ = std::move(spare);
  bytes_.clear();
  blobs_ = {};
  return pack;
}

std::uint64_t packed_bytes(const std::vector<PackedBlob>& blobs) {
  std::uint64_t bytes = seal_overhead + pack_trailer_bytes;
  for (const PackedBlob& blob : blobs) {
    bytes += blob.length + (blob.plain_bytes != 0 ? compressed_entry_bytes : plain_entry_bytes);
  }
  return bytes;
}

Result<std::size_t> pack_header_bytes(ByteView trailer, std::uint64_t pack_bytes) {
  const std::uint64_t sealed = base::get_u32(trailer.data() + trailer.size() - pack_trailer_bytes);
  if (sealed < seal_overhead || sealed + pack_trailer_bytes > pack_bytes) {
    return fail(Errc::corrupt, "the pack says that its header has {} bytes", sealed);
  }
  return static_cast<std::size_t>(sealed + pack_trailer_bytes);
}

Result<std::vector<PackedBlob>> decode_pack_header(const SealKey& key, ByteView tail,
                                                   std::uint64_t pack_bytes) {
  const Bytes plain =
      TRY_DURING("pack header", unseal(key, tail.first(tail.size() - pack_trailer_bytes)));
  ByteView header = plain;
  std::vector<PackedBlob> blobs;
  std::uint64_t offset = 0;
  while (!header.empty()) {
    PackedBlob blob = TRY(take_entry(header));
    blob.offset = static_cast<std::uint32_t>(offset);
    offset += blob.length;
    if (blob.length < seal_overhead || offset > pack_bytes) {
      return fail(Errc::corrupt, "the pack header does not fit the pack");
    }
    blobs.push_back(blob);
  }
  if (offset + tail.size() != pack_bytes) {
    return fail(Errc::corrupt, "the pack holds bytes that its header does not name");
  }
  return blobs;
}

}  // namespace stillpoint::repository

// SPDX-License-Identifier: Apache-2.0
// data/<xx>/<id>: sealed blobs one after another, then the sealed header that describes them, then
// the header's length in four bytes. Described in docs/formats/repository.md.
#pragma once

#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "repository/blob.h"
#include "repository/crypto.h"

namespace stillpoint::repository {

// Collects blobs until there are enough for a pack. Not thread-safe.
class PackBuilder {
 public:
  explicit PackBuilder(std::size_t bytes_wanted);
  // `sealed` as made by seal(); plain_bytes 0 when it was not compressed.
  void add(BlobType type, const Id& id, ByteView sealed, std::size_t plain_bytes);
  bool full() const { return bytes_.size() >= bytes_wanted_; }
  bool empty() const { return blobs_.empty(); }

  struct Pack {
    Bytes bytes = {};
    std::vector<PackedBlob> blobs = {};
  };
  // The pack with its header; the builder is empty afterwards and goes on in `spare`, the memory of
  // a pack that is done with, if there is one: fresh pages cost more than filling used ones.
  Pack finish(const SealKey& key, Bytes spare = {});

 private:
  std::size_t bytes_wanted_;
  Bytes bytes_;
  std::vector<PackedBlob> blobs_;
};

inline constexpr std::size_t pack_trailer_bytes = 4;

// The size of a pack that holds exactly these blobs.
std::uint64_t packed_bytes(const std::vector<PackedBlob>& blobs);

// The length of the sealed header and its trailer, from a pack's last four bytes.
Result<std::size_t> pack_header_bytes(ByteView trailer, std::uint64_t pack_bytes);
// `tail` is that many last bytes of the pack. The blobs are checked to fill the pack exactly.
Result<std::vector<PackedBlob>> decode_pack_header(const SealKey& key, ByteView tail,
                                                   std::uint64_t pack_bytes);

}  // namespace stillpoint::repository

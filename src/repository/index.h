// SPDX-License-Identifier: Apache-2.0
// Which blob lies where: all index files of a repository, in memory.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <unordered_map>
#include <vector>

#include "repository/blob.h"

namespace stillpoint::repository {

// About 56 bytes a blob (48 for its entry, 5 to 11 for its place in the hash table). Thread-safe.
// A blob may lie in several packs; the first one that was added is found.
class Index {
 public:
  std::optional<BlobPlace> find(BlobType type, const Id& id) const;
  bool contains(BlobType type, const Id& id) const { return find(type, id).has_value(); }
  void add(const Id& pack, const std::vector<PackedBlob>& blobs);
  std::size_t blob_count() const;
  std::vector<Id> packs() const;
  bool has_pack(const Id& pack) const;
  // The blobs of every pack as the index has them, in the order of their offsets.
  std::unordered_map<Id, std::vector<PackedBlob>> by_pack() const;

 private:
  // 48 bytes; the type is the top bit of `pack`.
  struct Entry {
    Id id;
    std::uint32_t pack;
    std::uint32_t offset;
    std::uint32_t length;
    std::uint32_t plain_bytes;
  };
  static constexpr std::uint32_t tree_bit = 1U << 31;
  static constexpr std::size_t block_entries = 1 << 14;
  static constexpr std::uint32_t no_entry = 0xFFFFFFFF;

  const Entry& entry(std::size_t number) const {
    return blocks_[number / block_entries][number % block_entries];
  }
  std::size_t slot_of(BlobType type, const Id& id) const;
  void grow();
  void append(const Entry& entry);
  PackedBlob blob_of(const Entry& entry) const;

  mutable std::shared_mutex mutex_;
  // In blocks, so that growing copies no entries and never needs twice the memory.
  std::vector<std::unique_ptr<Entry[]>> blocks_;
  std::size_t count_ = 0;
  std::vector<std::uint32_t> slots_;  // open addressing; numbers of entries
  std::vector<Id> packs_;
  std::unordered_map<Id, std::uint32_t> pack_numbers_;
};

}  // namespace stillpoint::repository

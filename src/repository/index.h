// SPDX-License-Identifier: Apache-2.0
// Which blob lies where: all index files of a repository, in memory.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "repository/blob.h"

namespace stillpoint::repository {

// The entries of one pack: so many numbers from the first.
struct PackEntries {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
};

// About 56 bytes a blob (48 for its entry, 5 to 11 for its place in the hash table). Thread-safe.
// A blob may lie in several packs, with an entry in each; the first one that was added is found,
// unless its pack is to be avoided, or another entry is preferred. Packs and entries are numbered
// from 0 in the order in which they came; numbers hold until clear().
class Index {
 public:
  std::optional<BlobPlace> find(BlobType type, const Id& id) const;
  bool contains(BlobType type, const Id& id) const { return find(type, id).has_value(); }
  // The number of the pack. One that is known already stays as it is.
  std::uint32_t add(const Id& pack, const std::vector<PackedBlob>& blobs);
  void clear();  // what is avoided stays so
  std::size_t blob_count() const;
  std::vector<Id> packs() const;
  bool has_pack(const Id& pack) const;

  // From now on a blob is found in these packs only where no other has it.
  void avoid(std::unordered_set<Id> packs);
  // This entry is what is found of its blob.
  void prefer(std::uint32_t entry);
  // The number of the entry that is found.
  std::optional<std::uint32_t> entry_of(BlobType type, const Id& id) const;
  PackedBlob blob(std::uint32_t entry) const;
  std::uint32_t pack_of(std::uint32_t entry) const;
  std::size_t pack_count() const;
  Id pack_id(std::uint32_t pack) const;
  std::optional<std::uint32_t> pack_number(const Id& pack) const;
  PackEntries entries_of(std::uint32_t pack) const;
  // In the order of their offsets. By the pack's id also while others clear the index.
  std::vector<PackedBlob> blobs_of(std::uint32_t pack) const;
  std::optional<std::vector<PackedBlob>> blobs_of(const Id& pack) const;
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

  static BlobType type_of(const Entry& entry) {
    return (entry.pack & tree_bit) != 0 ? BlobType::tree : BlobType::data;
  }
  const Entry& entry(std::size_t number) const {
    return blocks_[number / block_entries][number % block_entries];
  }
  bool avoided(const Entry& entry) const { return avoided_[entry.pack & ~tree_bit]; }
  std::size_t slot_of(BlobType type, const Id& id) const;
  std::uint32_t found(BlobType type, const Id& id) const;
  void claim_slot(std::uint32_t number);
  void grow();
  void append(const Entry& entry);
  PackedBlob blob_of(const Entry& entry) const;
  std::vector<PackedBlob> sorted_blobs(std::uint32_t pack) const;

  mutable std::shared_mutex mutex_;
  // In blocks, so that growing copies no entries and never needs twice the memory.
  std::vector<std::unique_ptr<Entry[]>> blocks_;
  std::size_t count_ = 0;
  std::vector<std::uint32_t> slots_;  // open addressing; numbers of entries
  std::vector<Id> packs_;
  std::vector<PackEntries> spans_;
  std::vector<bool> avoided_;
  std::unordered_map<Id, std::uint32_t> pack_numbers_;
  std::unordered_set<Id> to_avoid_;
};

}  // namespace stillpoint::repository

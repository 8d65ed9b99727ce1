// SPDX-License-Identifier: Apache-2.0
#include "repository/index.h"

#include <algorithm>
#include <mutex>

namespace stillpoint::repository {

// The slot that holds this blob, or the empty one where it would go.
std::size_t Index::slot_of(BlobType type, const Id& id) const {
  const std::uint32_t bit = type == BlobType::tree ? tree_bit : 0;
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t slot = std::hash<Id>()(id) & mask;; slot = (slot + 1) & mask) {
    if (slots_[slot] == no_entry) return slot;
    const Entry& there = entry(slots_[slot]);
    if (there.id == id && (there.pack & tree_bit) == bit) return slot;
  }
}

void Index::grow() {
  const std::size_t size = slots_.empty() ? 1024 : slots_.size() * 2;
  slots_ = {};  // freed before the larger one is made; everything in it is in the entries too
  slots_.assign(size, no_entry);
  for (std::uint32_t number = 0; number < count_; ++number) {
    const Entry& e = entry(number);
    const BlobType type = (e.pack & tree_bit) != 0 ? BlobType::tree : BlobType::data;
    const std::size_t slot = slot_of(type, e.id);
    if (slots_[slot] == no_entry) slots_[slot] = number;
  }
}

void Index::append(const Entry& e) {
  if (count_ % block_entries == 0) blocks_.push_back(std::make_unique<Entry[]>(block_entries));
  blocks_.back()[count_ % block_entries] = e;
  ++count_;
}

void Index::add(const Id& pack, const std::vector<PackedBlob>& blobs) {
  const std::unique_lock lock(mutex_);
  const auto [known, is_new] =
      pack_numbers_.try_emplace(pack, static_cast<std::uint32_t>(packs_.size()));
  if (!is_new) return;  // the same pack in two index files, after an interrupted clean-up
  packs_.push_back(pack);
  for (const PackedBlob& blob : blobs) {
    if ((count_ + 1) * 8 > slots_.size() * 7) grow();
    const std::uint32_t bit = blob.type == BlobType::tree ? tree_bit : 0;
    const std::size_t slot = slot_of(blob.type, blob.id);
    if (slots_[slot] == no_entry) slots_[slot] = static_cast<std::uint32_t>(count_);
    append({blob.id, known->second | bit, blob.offset, blob.length, blob.plain_bytes});
  }
}

PackedBlob Index::blob_of(const Entry& e) const {
  return {e.id, (e.pack & tree_bit) != 0 ? BlobType::tree : BlobType::data, e.offset, e.length,
          e.plain_bytes};
}

std::optional<BlobPlace> Index::find(BlobType type, const Id& id) const {
  const std::shared_lock lock(mutex_);
  if (slots_.empty()) return std::nullopt;
  const std::uint32_t number = slots_[slot_of(type, id)];
  if (number == no_entry) return std::nullopt;
  const Entry& e = entry(number);
  return BlobPlace{packs_[e.pack & ~tree_bit], blob_of(e)};
}

std::size_t Index::blob_count() const {
  const std::shared_lock lock(mutex_);
  return count_;
}

std::vector<Id> Index::packs() const {
  const std::shared_lock lock(mutex_);
  return packs_;
}

bool Index::has_pack(const Id& pack) const {
  const std::shared_lock lock(mutex_);
  return pack_numbers_.contains(pack);
}

std::unordered_map<Id, std::vector<PackedBlob>> Index::by_pack() const {
  const std::shared_lock lock(mutex_);
  std::unordered_map<Id, std::vector<PackedBlob>> packs;
  for (const Id& pack : packs_) packs[pack];
  for (std::size_t number = 0; number < count_; ++number) {
    const Entry& e = entry(number);
    packs[packs_[e.pack & ~tree_bit]].push_back(blob_of(e));
  }
  for (auto& [pack, blobs] : packs) {
    std::sort(blobs.begin(), blobs.end(),
              [](const PackedBlob& a, const PackedBlob& b) { return a.offset < b.offset; });
  }
  return packs;
}

}  // namespace stillpoint::repository

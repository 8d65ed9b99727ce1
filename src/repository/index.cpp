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

// Of several entries of one blob the first is found, but for packs that are to be avoided.
void Index::claim_slot(std::uint32_t number) {
  const Entry& e = entry(number);
  std::uint32_t& slot = slots_[slot_of(type_of(e), e.id)];
  if (slot == no_entry || (avoided(entry(slot)) && !avoided(e))) slot = number;
}

void Index::grow() {
  // What is found now is found afterwards: put in first, it is before its like.
  std::vector<std::uint32_t> before = std::move(slots_);
  const std::size_t size = before.empty() ? 1024 : before.size() * 2;
  std::erase(before, no_entry);
  before.shrink_to_fit();
  slots_.assign(size, no_entry);
  for (const std::uint32_t number : before) {
    const Entry& e = entry(number);
    slots_[slot_of(type_of(e), e.id)] = number;
  }
}

void Index::append(const Entry& e) {
  if (count_ % block_entries == 0) blocks_.push_back(std::make_unique<Entry[]>(block_entries));
  blocks_.back()[count_ % block_entries] = e;
  ++count_;
}

std::uint32_t Index::add(const Id& pack, const std::vector<PackedBlob>& blobs) {
  const std::unique_lock lock(mutex_);
  const auto [known, is_new] =
      pack_numbers_.try_emplace(pack, static_cast<std::uint32_t>(packs_.size()));
  if (!is_new) return known->second;  // in two index files, after an interrupted clean-up
  packs_.push_back(pack);
  spans_.push_back({static_cast<std::uint32_t>(count_), static_cast<std::uint32_t>(blobs.size())});
  avoided_.push_back(to_avoid_.contains(pack));
  for (const PackedBlob& blob : blobs) {
    if ((count_ + 1) * 8 > slots_.size() * 7) grow();
    const std::uint32_t bit = blob.type == BlobType::tree ? tree_bit : 0;
    append({blob.id, known->second | bit, blob.offset, blob.length, blob.plain_bytes});
    claim_slot(static_cast<std::uint32_t>(count_ - 1));
  }
  return known->second;
}

void Index::clear() {
  const std::unique_lock lock(mutex_);
  blocks_.clear();
  count_ = 0;
  slots_.clear();
  packs_.clear();
  spans_.clear();
  avoided_.clear();
  pack_numbers_.clear();
}

void Index::avoid(std::unordered_set<Id> packs) {
  const std::unique_lock lock(mutex_);
  to_avoid_ = std::move(packs);
  bool changed = false;
  for (std::size_t number = 0; number < packs_.size(); ++number) {
    const bool avoided = to_avoid_.contains(packs_[number]);
    changed = changed || avoided != avoided_[number];
    avoided_[number] = avoided;
  }
  if (!changed) return;
  for (std::uint32_t number = 0; number < count_; ++number) claim_slot(number);
}

void Index::prefer(std::uint32_t number) {
  const std::unique_lock lock(mutex_);
  const Entry& e = entry(number);
  slots_[slot_of(type_of(e), e.id)] = number;
}

PackedBlob Index::blob_of(const Entry& e) const {
  return {e.id, type_of(e), e.offset, e.length, e.plain_bytes};
}

std::uint32_t Index::found(BlobType type, const Id& id) const {
  return slots_.empty() ? no_entry : slots_[slot_of(type, id)];
}

std::optional<BlobPlace> Index::find(BlobType type, const Id& id) const {
  const std::shared_lock lock(mutex_);
  const std::uint32_t number = found(type, id);
  if (number == no_entry) return std::nullopt;
  const Entry& e = entry(number);
  return BlobPlace{packs_[e.pack & ~tree_bit], blob_of(e)};
}

std::optional<std::uint32_t> Index::entry_of(BlobType type, const Id& id) const {
  const std::shared_lock lock(mutex_);
  const std::uint32_t number = found(type, id);
  return number == no_entry ? std::nullopt : std::optional(number);
}

PackedBlob Index::blob(std::uint32_t number) const {
  const std::shared_lock lock(mutex_);
  return blob_of(entry(number));
}

std::uint32_t Index::pack_of(std::uint32_t number) const {
  const std::shared_lock lock(mutex_);
  return entry(number).pack & ~tree_bit;
}

std::size_t Index::pack_count() const {
  const std::shared_lock lock(mutex_);
  return packs_.size();
}

Id Index::pack_id(std::uint32_t pack) const {
  const std::shared_lock lock(mutex_);
  return packs_[pack];
}

std::optional<std::uint32_t> Index::pack_number(const Id& pack) const {
  const std::shared_lock lock(mutex_);
  const auto known = pack_numbers_.find(pack);
  return known == pack_numbers_.end() ? std::nullopt : std::optional(known->second);
}

PackEntries Index::entries_of(std::uint32_t pack) const {
  const std::shared_lock lock(mutex_);
  return spans_[pack];
}

std::vector<PackedBlob> Index::sorted_blobs(std::uint32_t pack) const {
  const PackEntries span = spans_[pack];
  std::vector<PackedBlob> blobs;
  blobs.reserve(span.count);
  for (std::uint32_t i = 0; i < span.count; ++i) blobs.push_back(blob_of(entry(span.first + i)));
  std::sort(blobs.begin(), blobs.end(),
            [](const PackedBlob& a, const PackedBlob& b) { return a.offset < b.offset; });
  return blobs;
}

std::vector<PackedBlob> Index::blobs_of(std::uint32_t pack) const {
  const std::shared_lock lock(mutex_);
  return sorted_blobs(pack);
}

std::optional<std::vector<PackedBlob>> Index::blobs_of(const Id& pack) const {
  const std::shared_lock lock(mutex_);
  const auto known = pack_numbers_.find(pack);
  if (known == pack_numbers_.end()) return std::nullopt;
  return sorted_blobs(known->second);
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

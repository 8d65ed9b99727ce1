// SPDX-License-Identifier: Apache-2.0
#include "repository/prune/usage.h"

#include <algorithm>

#include "repository/crypto.h"
#include "repository/pack.h"

namespace stillpoint::repository {
namespace {

struct Rank {
  bool sound = false;  // there, and no shorter than the index says
  double unneeded = 1;
  bool operator>(const Rank& other) const {
    if (sound != other.sound) return sound;
    return unneeded < other.unneeded;
  }
};

template <class F>
void for_entries(const Index& index, std::uint32_t pack, const F& visit) {
  const PackEntries entries = index.entries_of(pack);
  for (std::uint32_t i = 0; i < entries.count; ++i) {
    visit(entries.first + i, index.blob(entries.first + i));
  }
}

// Every copy of a needed blob counts: which one stays is decided by this.
Rank rank_of(const Index& index, const EntryBits& used, std::uint32_t pack,
             const PackSizes& sizes) {
  std::uint64_t end = 0;
  std::uint64_t all = 0;
  std::uint64_t needed = 0;
  for_entries(index, pack, [&](std::uint32_t, const PackedBlob& blob) {
    end = std::max(end, std::uint64_t{blob.offset} + blob.length);
    all += blob.length;
    if (used.test(*index.entry_of(blob.type, blob.id))) needed += blob.length;
  });
  const auto size = sizes.find(index.pack_id(pack));
  Rank rank;
  rank.sound = size != sizes.end() && end + seal_overhead + pack_trailer_bytes <= size->second;
  rank.unneeded = all == 0 ? 0 : static_cast<double>(all - needed) / static_cast<double>(all);
  return rank;
}

void choose_copies(Index& index, EntryBits& used, const std::vector<Rank>& ranks) {
  for (std::uint32_t pack = 0; pack < ranks.size(); ++pack) {
    for_entries(index, pack, [&](std::uint32_t entry, const PackedBlob& blob) {
      const std::uint32_t chosen = *index.entry_of(blob.type, blob.id);
      if (chosen == entry || !(ranks[pack] > ranks[index.pack_of(chosen)])) return;
      index.prefer(entry);
      if (!used.test(chosen)) return;
      used.clear(chosen);
      used.set(entry);
    });
  }
}

}  // namespace

Result<std::vector<PackUse>> measure_packs(Repository& repository, Marks& marks,
                                           const PackSizes& sizes) {
  Index& index = repository.index();
  std::vector<Rank> ranks(index.pack_count());
  for (std::uint32_t pack = 0; pack < ranks.size(); ++pack) {
    ranks[pack] = rank_of(index, marks.used(), pack, sizes);
  }
  choose_copies(index, marks.used(), ranks);

  std::vector<PackUse> packs(ranks.size());
  for (std::uint32_t pack = 0; pack < packs.size(); ++pack) {
    PackUse& use = packs[pack];
    const Id id = index.pack_id(pack);
    const auto size = sizes.find(id);
    use.there = size != sizes.end();
    if (use.there) use.bytes = size->second;
    for_entries(index, pack, [&](std::uint32_t entry, const PackedBlob& blob) {
      use.type = blob.type;
      const bool used = marks.used().test(entry);
      (used ? use.bytes_used : use.bytes_unused) += blob.length;
      if (used) ++use.blobs_used;
    });
    if (use.blobs_used > 0 && !ranks[pack].sound) {
      return fail(Error{Errc::corrupt,
                        "pack " + id.hex() + ", which backups need, is " +
                            (use.there ? "shorter than the index says" : "missing"),
                        "see which backups are hurt: stillpoint check; save what can be saved: "
                        "stillpoint repair packs; nothing was pruned"});
    }
  }
  return packs;
}

}  // namespace stillpoint::repository

// SPDX-License-Identifier: Apache-2.0
#include "repository/prune/index_rewrite.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "repository/index_save.h"

namespace stillpoint::repository {
namespace {

// Writes index files of at most so many blobs as restic puts into one.
class IndexFileWriter {
 public:
  IndexFileWriter(Repository& repository, const Lock& lock)
      : repository_(repository), lock_(lock) {}
  Result<void> add(IndexedPack pack) {
    if (blobs_ > 0 && blobs_ + pack.blobs.size() > limits::index_blobs_max) TRY(finish());
    blobs_ += pack.blobs.size();
    packs_.push_back(std::move(pack));
    return {};
  }
  Result<void> finish() {
    if (packs_.empty()) return {};
    TRY(save_index_file(repository_, lock_, std::exchange(packs_, {})));
    blobs_ = 0;
    ++written_;
    return {};
  }
  std::uint64_t written() const { return written_; }

 private:
  Repository& repository_;
  const Lock& lock_;
  std::vector<IndexedPack> packs_;
  std::size_t blobs_ = 0;
  std::uint64_t written_ = 0;
};

bool names_dropped(const std::vector<std::uint32_t>& packs, const std::vector<bool>& dropped) {
  return std::any_of(packs.begin(), packs.end(),
                     [&](std::uint32_t pack) { return pack < dropped.size() && dropped[pack]; });
}

}  // namespace

Result<IndexChanged> rewrite_index(Repository& repository, const Lock& lock,
                                   const IndexChange& change) {
  const Index& index = repository.index();
  std::vector<Id> replaced = change.unreadable;
  std::vector<bool> named(index.pack_count());  // by a file that stays, or by one that is written
  std::vector<std::uint32_t> staying;
  for (const auto& [file, packs] : change.files) {
    if (names_dropped(packs, change.dropped)) {
      replaced.push_back(file);
      staying.insert(staying.end(), packs.begin(), packs.end());
    } else {
      for (const std::uint32_t pack : packs) named[pack] = true;
    }
  }
  IndexFileWriter writer(repository, lock);
  for (const std::uint32_t pack : staying) {
    const bool dropped = pack < change.dropped.size() && change.dropped[pack];
    if (dropped || named[pack]) continue;
    named[pack] = true;
    TRY(writer.add({index.pack_id(pack), index.blobs_of(pack)}));
  }
  for (const IndexedPack& pack : change.added) TRY(writer.add(pack));
  TRY(writer.finish());

  TRY(lock.still_held());
  for (const Id& file : replaced) {
    TRY(lock.not_expired());
    TRY_DURING("remove index " + file.brief(), repository.remove_file(FileKind::index, file));
  }
  return IndexChanged{writer.written(), replaced.size()};
}

}  // namespace stillpoint::repository

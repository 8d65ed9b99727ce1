// SPDX-License-Identifier: Apache-2.0
#include "repository/prune/repack.h"

#include <utility>

#include "base/limits.h"
#include "repository/index_save.h"

namespace stillpoint::repository {

Result<void> Repacker::add(const SealedBlob& copied) {
  PackBuilder& builder = builders_[static_cast<std::size_t>(copied.blob.type)];
  builder.add(copied.blob.type, copied.blob.id, copied.sealed, copied.blob.plain_bytes);
  bytes_copied_ += copied.sealed.size();
  return builder.full() ? store(copied.blob.type) : Result<void>();
}

Result<void> Repacker::store(BlobType type) {
  PackBuilder& builder = builders_[static_cast<std::size_t>(type)];
  if (builder.empty()) return {};
  PackBuilder::Pack pack = builder.finish(repository_.key());
  const Id id = base::sha256(pack.bytes);
  const std::string name = name_of_file(FileKind::pack, id);
  TRY_DURING("write " + name,
             repository_.backend().put(name, pack.bytes, storage::PutMode::create_only));
  Index& index = repository_.index();
  const PackEntries entries = index.entries_of(index.add(id, pack.blobs));
  for (std::uint32_t i = 0; i < entries.count; ++i) {
    index.prefer(entries.first + i);
    used_.set(entries.first + i);
  }
  blobs_unsaved_ += pack.blobs.size();
  unsaved_.push_back({id, std::move(pack.blobs)});
  const bool due = std::chrono::steady_clock::now() - saved_ >= limits::index_interval;
  return due || blobs_unsaved_ >= limits::index_blobs_max ? save_index() : Result<void>();
}

Result<void> Repacker::save_index() {
  if (unsaved_.empty()) return {};
  const Id file = TRY(save_index_file(repository_, lock_, unsaved_));
  std::vector<Id> packs;
  for (const IndexedPack& pack : std::exchange(unsaved_, {})) packs.push_back(pack.id);
  repository_.add_index_file(file, packs);
  blobs_unsaved_ = 0;
  saved_ = std::chrono::steady_clock::now();
  return {};
}

Result<void> Repacker::run(const std::vector<std::uint32_t>& packs, PruneProgress& progress,
                           const std::stop_token& stop) {
  const auto sink = [&](const SealedBlob& copied) -> Result<void> {
    TRY(add(copied));
    progress.bytes_done += copied.sealed.size();
    return {};
  };
  TRY(read_marked(repository_, packs, used_, sink, stop));
  return finish();
}

Result<void> Repacker::finish() {
  for (const BlobType type : {BlobType::data, BlobType::tree}) TRY(store(type));
  return save_index();
}

}  // namespace stillpoint::repository

// SPDX-License-Identifier: Apache-2.0
#include "repository/adoption.h"

#include "base/log.h"
#include "repository/index_save.h"
#include "repository/pack_reader.h"
#include "repository/retired.h"

namespace stillpoint::repository {

Result<void> adopt_packs(Repository& repository, const Reliance& reliance, std::stop_token stop) {
  if (!TRY(reliance.lock().others()).empty()) return {};
  auto sizes = TRY(repository.list_sizes(FileKind::pack));
  std::erase_if(sizes, [&](const auto& pack) {
    return repository.index().has_pack(pack.first) || reliance.avoids(pack.first);
  });
  if (sizes.empty()) return {};
  // Retired since the writer began, and out of the index that it has loaded for that reason.
  for (const RetiredFile& file : TRY(load_retired(repository, {}))) {
    for (const Id& pack : file.retired.packs) sizes.erase(pack);
  }
  std::vector<IndexedPack> adopted;
  std::vector<Id> ids;
  for (const auto& [id, bytes] : sizes) {
    if (stop.stop_requested()) return fail(Errc::cancelled, "interrupted");
    auto blobs = read_pack_header(repository, id, bytes);
    if (!blobs && (blobs.error().code == Errc::corrupt || blobs.error().code == Errc::not_found)) {
      continue;
    }
    adopted.push_back({id, {}});
    adopted.back().blobs = TRY(std::move(blobs));
    ids.push_back(id);
  }
  if (adopted.empty()) return {};
  log(LogLevel::info, "{} packs that an interrupted run has stored are used", adopted.size());
  const Id file = TRY(save_index_file(repository, reliance.lock(), adopted));
  for (const IndexedPack& pack : adopted) repository.index().add(pack.id, pack.blobs);
  repository.add_index_file(file, ids);
  return {};
}

}  // namespace stillpoint::repository

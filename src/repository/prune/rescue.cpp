// SPDX-License-Identifier: Apache-2.0
#include "repository/prune/rescue.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "repository/index_save.h"
#include "repository/pack_reader.h"

namespace stillpoint::repository {
namespace {

// Packs in no index that hold something of what is missing.
Result<std::vector<IndexedPack>> find_holders(const Repository& repository, const Index& index,
                                              const std::unordered_set<Id>& missing,
                                              const PackSizes& sizes, const std::stop_token& stop) {
  std::vector<IndexedPack> holders;
  for (const auto& [pack, bytes] : sizes) {
    if (index.has_pack(pack)) continue;
    if (stop.stop_requested()) return fail(Errc::cancelled, "interrupted");
    auto header = read_pack_header(repository, pack, bytes);
    if (!header) {
      const Errc code = header.error().code;
      if (code != Errc::corrupt && code != Errc::not_found) return fail(std::move(header.error()));
      log(LogLevel::info, "passed over: {}", header.error().message);
      continue;
    }
    const bool holds = std::any_of(header->begin(), header->end(), [&](const PackedBlob& blob) {
      return missing.contains(blob.id);
    });
    if (holds) holders.push_back({pack, std::move(*header)});
  }
  return holders;
}

}  // namespace

Error missing_error(const Marks& marks) {
  const Id& one = *marks.missing().begin();
  return Error{Errc::corrupt,
               fmt::format("{} blobs that backups need are in no index, {} for example",
                           base::display_count(marks.missing().size()), one.brief()),
               "see which backups are hurt: stillpoint check; packs that are there can be indexed "
               "again: stillpoint repair index; what is lost for good can be given up: stillpoint "
               "repair snapshots; nothing was pruned"};
}

PackSizes without_damaged(PackSizes sizes, const std::vector<RetiredFile>& retired) {
  for (const Id& pack : damaged_packs(retired)) sizes.erase(pack);
  return sizes;
}

Result<PackSum> name_holders(Repository& repository, const Lock& lock,
                             const std::unordered_set<Id>& missing, const PackSizes& sizes,
                             bool dry_run, const std::stop_token& stop) {
  const std::vector<IndexedPack> holders =
      TRY(find_holders(repository, repository.index(), missing, sizes, stop));
  PackSum named;
  std::vector<Id> packs;
  for (const IndexedPack& pack : holders) {
    packs.push_back(pack.id);
    repository.index().add(pack.id, pack.blobs);
    named.add(sizes.at(pack.id));
  }
  if (dry_run || holders.empty()) return named;
  const Id file = TRY(save_index_file(repository, lock, holders));
  repository.add_index_file(file, packs);
  log(LogLevel::info, "{} packs that backups need are named by the index again", packs.size());
  return named;
}

Result<Marks> mark_needed(Repository& repository, const Lock& lock, const std::vector<Id>& trees,
                          const PackSizes& sizes, const PruneOptions& options, PruneReport& report,
                          const std::stop_token& stop) {
  for (;;) {
    Marks marks(repository);
    TRY(marks.walk(trees, stop));
    if (marks.missing().empty()) return marks;
    if (marks.missing().size() == Marks::missing_max) return fail(missing_error(marks));
    const PackSum named =
        TRY(name_holders(repository, lock, marks.missing(), sizes, options.dry_run, stop));
    if (named.packs == 0) return fail(missing_error(marks));
    report.rescued.packs += named.packs;
    report.rescued.bytes += named.bytes;
  }
}

}  // namespace stillpoint::repository

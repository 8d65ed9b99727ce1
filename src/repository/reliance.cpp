// SPDX-License-Identifier: Apache-2.0
#include "repository/reliance.h"

#include <utility>
#include <vector>

#include "base/limits.h"
#include "base/log.h"
#include "repository/index_save.h"
#include "repository/pack_reader.h"
#include "repository/retired.h"

namespace stillpoint::repository {

Result<std::unique_ptr<Reliance>> Reliance::begin(Repository& repository, const Lock& lock) {
  std::unique_ptr<Reliance> reliance(new Reliance(repository, lock));
  for (const RetiredFile& file : TRY(load_retired(repository, {}))) {
    reliance->seen_.insert(file.id);
    reliance->avoided_.insert(file.retired.packs.begin(), file.retired.packs.end());
  }
  repository.index().avoid(reliance->avoided_);
  return reliance;
}

void Reliance::on(const Id& pack) {
  relied_.with([&](std::unordered_set<Id>& relied) { relied.insert(pack); });
}

Result<void> Reliance::uphold() {
  const std::vector<RetiredFile> fresh = TRY(load_retired(repository_, seen_));
  const std::unordered_set<Id> needed = relied_.with([&](const std::unordered_set<Id>& relied) {
    std::unordered_set<Id> both;
    for (const RetiredFile& file : fresh) {
      for (const Id& pack : file.retired.packs) {
        if (relied.contains(pack)) both.insert(pack);
      }
    }
    return both;
  });
  TRY(name_again(needed));
  for (const RetiredFile& file : fresh) seen_.insert(file.id);
  return {};
}

// From the headers of the packs, which shows too that they are there.
Result<void> Reliance::name_again(const std::unordered_set<Id>& packs) {
  std::vector<IndexedPack> named;
  std::size_t blobs = 0;
  const auto save = [&]() -> Result<void> {
    if (named.empty()) return {};
    TRY(save_index_file(repository_, lock_, std::exchange(named, {})));
    blobs = 0;
    return {};
  };
  for (const Id& pack : packs) {
    auto header = read_pack_header(repository_, pack);
    if (!header && header.error().code == Errc::not_found) {
      return fail(Error{
          Errc::unavailable,
          "data that this backup relies on was pruned away meanwhile (pack " + pack.brief() + ")",
          "run the same command again"});
    }
    if (!header) return fail(std::move(header.error()));
    blobs += header->size();
    named.push_back({pack, std::move(*header)});
    if (blobs >= limits::index_blobs_max) TRY(save());
  }
  TRY(save());
  if (!packs.empty()) {
    log(LogLevel::debug, "{} packs that prune has retired meanwhile are kept", packs.size());
  }
  return {};
}

}  // namespace stillpoint::repository

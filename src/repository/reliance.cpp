// SPDX-License-Identifier: Apache-2.0
#include "repository/reliance.h"

#include <algorithm>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "base/log.h"
#include "repository/index_save.h"
#include "repository/pack.h"
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
  TRY(refuse_damaged(damaged_packs(fresh)));
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

Result<void> Reliance::refuse_damaged(const std::unordered_set<Id>& packs) const {
  const Id* const one = relied_.with([&](const std::unordered_set<Id>& relied) -> const Id* {
    const auto both = std::find_if(packs.begin(), packs.end(),
                                   [&](const Id& pack) { return relied.contains(pack); });
    return both == packs.end() ? nullptr : &*both;
  });
  if (one == nullptr) return {};
  return fail(Error{
      Errc::unavailable,
      "data that this backup relies on was found damaged meanwhile (pack " + one->brief() + ")",
      "run the same command again: it is stored anew"});
}

// What a pack holds: as the index in memory has it where that fits its size, else from its header.
// `bytes` is its size, or nothing where it is gone.
Result<IndexedPack> Reliance::describe(const Id& pack, std::optional<std::uint64_t> bytes) const {
  if (!bytes) {
    return fail(Error{
        Errc::unavailable,
        "data that this backup relies on was pruned away meanwhile (pack " + pack.brief() + ")",
        "run the same command again"});
  }
  auto known = repository_.index().blobs_of(pack);
  if (known && packed_bytes(*known) == *bytes) return IndexedPack{pack, std::move(*known)};
  IndexedPack described{pack, {}};
  described.blobs = TRY(read_pack_header(repository_, pack, *bytes));
  return described;
}

// After a long backup it may be all that it has stored: one list then tells which are there.
Result<void> Reliance::name_again(const std::unordered_set<Id>& packs) {
  constexpr std::size_t asked_singly = 32;
  std::unordered_map<Id, std::uint64_t> sizes;
  if (packs.size() > asked_singly) sizes = TRY(repository_.list_sizes(FileKind::pack));
  const auto size_of = [&](const Id& pack) -> Result<std::optional<std::uint64_t>> {
    const auto listed = sizes.find(pack);
    if (listed != sizes.end()) return std::optional(listed->second);
    if (packs.size() > asked_singly) return std::optional<std::uint64_t>();
    const auto info = repository_.backend().stat(name_of_file(FileKind::pack, pack));
    if (info) return std::optional(info->bytes);
    if (info.error().code == Errc::not_found) return std::optional<std::uint64_t>();
    return fail(Error(info.error()));
  };
  std::vector<IndexedPack> named;
  std::size_t blobs = 0;
  const auto save = [&]() -> Result<void> {
    if (named.empty()) return {};
    TRY(save_index_file(repository_, lock_, std::exchange(named, {})));
    blobs = 0;
    return {};
  };
  for (const Id& pack : packs) {
    named.push_back(TRY(describe(pack, TRY(size_of(pack)))));
    blobs += named.back().blobs.size();
    if (blobs >= limits::index_blobs_max) TRY(save());
  }
  TRY(save());
  if (!packs.empty()) {
    log(LogLevel::debug, "{} packs that prune has retired meanwhile are kept", packs.size());
  }
  return {};
}

}  // namespace stillpoint::repository

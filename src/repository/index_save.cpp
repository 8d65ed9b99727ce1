// SPDX-License-Identifier: Apache-2.0
#include "repository/index_save.h"

#include <utility>

namespace stillpoint::repository {
namespace {

// After a put whose outcome is unknown, or that came when our lock was lost. If the file is there,
// others may rely on it by now: it names packs that they have used, or has made them remove other
// index files. So it stays, as far as its packs are there. Nobody relies on one that is not whole.
Result<void> settle(Repository& repository, const Id& file, const std::vector<IndexedPack>& packs) {
  const Result<Bytes> stored = repository.load_file(FileKind::index, file);
  if (!stored && stored.error().code == Errc::not_found) return {};
  if (!stored && stored.error().code != Errc::corrupt) return fail(Error(stored.error()));
  if (stored) {
    const auto sizes = TRY(repository.list_sizes(FileKind::pack));
    std::vector<IndexedPack> there = packs;
    std::erase_if(there, [&](const IndexedPack& pack) { return !sizes.contains(pack.id); });
    if (there.size() == packs.size()) return {};
    if (!there.empty()) {
      TRY(repository.put_file(FileKind::index, repository.seal_file(encode_index_file(there))));
    }
  }
  return repository.remove_file(FileKind::index, file);
}

}  // namespace

Result<Id> save_index_file(Repository& repository, const Lock& lock,
                           const std::vector<IndexedPack>& packs) {
  TRY(lock.still_held());
  const SealedFile file = repository.seal_file(encode_index_file(packs));
  Result<void> done = repository.put_file(FileKind::index, file);
  if (done) done = lock.still_held();
  if (done) return file.id;
  Error error = std::move(done.error());
  if (const auto settled = settle(repository, file.id, packs); !settled) {
    error.message +=
        "; and index file " + file.id.hex() +
        ", which may name packs that are gone, is as it is: " + settled.error().message;
    error.advice = "run: stillpoint repair index";
  }
  return fail(std::move(error));
}

}  // namespace stillpoint::repository

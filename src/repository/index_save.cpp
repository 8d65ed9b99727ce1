// SPDX-License-Identifier: Apache-2.0
#include "repository/index_save.h"

#include <utility>

namespace stillpoint::repository {

Result<Id> save_index_file(Repository& repository, const Lock& lock,
                           const std::vector<IndexedPack>& packs) {
  TRY(lock.still_held());
  const SealedFile file = repository.seal_file(encode_index_file(packs));
  Result<void> done = repository.put_file(FileKind::index, file);
  if (done) done = lock.still_held();
  if (done) return file.id;
  Error error = std::move(done.error());
  if (const auto removed = repository.remove_file(FileKind::index, file.id); !removed) {
    error.message += "; and index file " + file.id.hex() +
                     " could not be taken back: " + removed.error().message;
    error.advice = "run: stillpoint repair index";
  }
  return fail(std::move(error));
}

}  // namespace stillpoint::repository

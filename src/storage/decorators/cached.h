// SPDX-License-Identifier: Apache-2.0
// Copies on this machine of what is read again and again: index files, records, folders.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/guarded.h"
#include "storage/cache/cache_folder.h"
#include "storage/decorators/decorator.h"

namespace stillpoint::storage {

// Keeps two things, and nothing else:
//   - objects "index/ID" and "snapshots/ID" whose ID is the SHA-256 of their bytes, and is compared
//     whenever a copy is read. A copy stands for an object only as long as the last list of this
//     Cached has shown it, with that size: what is gone or cut off is not hidden.
//   - pieces of packs "data/XX/ID" that are asked for by get_piece, and judged by whoever asks.
// Nothing depends on the copies: one that is missing, damaged or forged is read from the storage.
class Cached : public Decorator {
 public:
  Cached(std::unique_ptr<Backend> inner, std::unique_ptr<CacheFolder> folder)
      : Decorator(std::move(inner)), folder_(std::move(folder)) {}

  using Backend::get;
  Result<void> put(std::string_view name, ByteView bytes, PutMode mode) override;
  Result<Bytes> get(std::string_view name, ByteRange range) override;
  // What is no longer there goes from the cache as well.
  Result<void> list(std::string_view prefix, const Visit& visit) override;
  Result<void> remove(std::string_view name) override;

  // Reads a part of an object and hands it to `use`, whose failure is that of the whole. A copy
  // that `use` refuses is dropped, and `use` gets what is stored.
  using Use = std::function<Result<void>(ByteView)>;
  Result<void> get_piece(std::string_view name, ByteRange range, const Use& use);

  // From now on no copy is read or kept: for who wants to know what is stored.
  void read_past() { past_ = true; }

 private:
  std::optional<Bytes> copy_of(std::string_view name, const Id& id);
  void forget(std::string_view name);

  std::unique_ptr<CacheFolder> folder_;
  std::atomic<bool> past_ = false;
  using Sizes = std::unordered_map<std::string, std::uint64_t>;
  base::Guarded<Sizes> listed_;  // objects that are known to be there
};

}  // namespace stillpoint::storage

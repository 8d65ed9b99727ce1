// SPDX-License-Identifier: Apache-2.0
// The cache of one repository: small files by name, read, written and dropped.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "storage/cache/cache_root.h"

namespace stillpoint::storage {

// Nothing of it fails: what cannot be read is not there, and what cannot be written is not kept.
// It checks no content: whoever reads does. Names are "FOLDER/FILE" or "FOLDER/FOLDER/FILE", with
// the folders of cache_root.h. Thread-safe.
class CacheFolder {
 public:
  static Result<std::unique_ptr<CacheFolder>> open(std::unique_ptr<CacheRoot> root,
                                                   const Id& repository);

  // The file, if it has so many bytes; another size is damage, and drops it.
  std::optional<Bytes> get(const std::string& name, std::uint64_t bytes);
  // Seen whole or not at all. After a failure, such as a full disk, nothing more is kept.
  void put(const std::string& name, ByteView bytes);
  // A file, or a folder with its files.
  void drop(const std::string& name);
  // What the folder holds, without the folder's own name.
  std::vector<std::string> names(const std::string& folder) const;

 private:
  CacheFolder(std::unique_ptr<CacheRoot> root, base::File folder)
      : root_(std::move(root)), folder_(std::move(folder)) {}

  Result<void> write(const std::string& name, ByteView bytes);
  int rename_into_place(const std::string& temporary, const std::string& name);
  void switch_off(const Error& error);

  std::unique_ptr<CacheRoot> root_;
  base::File folder_;
  std::atomic<bool> off_ = false;
};

}  // namespace stillpoint::storage

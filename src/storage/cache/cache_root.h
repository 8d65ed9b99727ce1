// SPDX-License-Identifier: Apache-2.0
// The folder in which a user's caches lie, of all repositories, and the bound on their bytes.
//
//   ID/CACHEDIR.TAG                the ID of a repository; what has other names is not ours
//   ID/index/…  ID/snapshots/…     whole objects
//   ID/trees/PACK/OFFSET-LENGTH    pieces of packs
//   ID/tmp/…                       files that are being written
//   usage                          the bytes there are, and those that running processes may add
//
// Nothing in it is needed: all of it may be deleted at any moment. Several processes share it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/guarded.h"
#include "base/sha256.h"

namespace stillpoint::storage {

struct UnusedCache {
  Id repository = {};
  base::Time used = {};
  std::uint64_t bytes = 0;
};

class CacheRoot {
 public:
  // Made where it is not there. `denied` where it is not the user's alone.
  static Result<std::unique_ptr<CacheRoot>> open(const std::filesystem::path& path,
                                                 std::uint64_t bytes_max);
  // One that is there; else not_found.
  static Result<std::unique_ptr<CacheRoot>> find(const std::filesystem::path& path);
  ~CacheRoot();
  CacheRoot(const CacheRoot&) = delete;
  CacheRoot& operator=(const CacheRoot&) = delete;

  const std::filesystem::path& path() const { return path_; }
  // The folder of one repository, made where it is not there, and noted as used.
  Result<base::File> folder(const Id& repository) const;

  // Whether a file of so many bytes may be written now. Where all would be more than allowed, what
  // was not used for longest goes first. Thread-safe.
  bool make_room(std::uint64_t bytes);

  std::vector<UnusedCache> unused_since(base::Time time) const;
  void remove(const Id& repository) const;

 private:
  CacheRoot(std::filesystem::path path, base::File folder, std::uint64_t bytes_max)
      : path_(std::move(path)), folder_(std::move(folder)), bytes_max_(bytes_max) {}

  bool reserve(std::uint64_t& reserved, std::uint64_t wanted) const;

  std::filesystem::path path_;
  base::File folder_;
  std::uint64_t bytes_max_;
  base::Guarded<std::uint64_t> reserved_{0U};  // counted in `usage` and not written yet
};

}  // namespace stillpoint::storage

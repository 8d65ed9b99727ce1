// SPDX-License-Identifier: Apache-2.0
// For tests of caches.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "storage/cache/cache_folder.h"

namespace stillpoint::storage {

// Without waiting for the disk.
inline void overwrite(const std::filesystem::path& path, ByteView bytes) {
  const auto file = base::File::open(path, O_WRONLY | O_CREAT | O_TRUNC);
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_TRUE(file->write(bytes));
}

// A folder for the time of a test, with a cache in it.
class CacheScratch {
 public:
  CacheScratch() {
    std::string pattern = (std::filesystem::temp_directory_path() / "stillpoint-XXXXXX").string();
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  ~CacheScratch() { std::filesystem::remove_all(folder_); }
  CacheScratch(const CacheScratch&) = delete;
  CacheScratch& operator=(const CacheScratch&) = delete;

  const std::filesystem::path& folder() const { return folder_; }
  std::filesystem::path root() const { return folder_ / "cache"; }
  std::filesystem::path of(const Id& repository) const { return root() / repository.hex(); }

  std::unique_ptr<CacheFolder> open(const Id& repository = {},
                                    std::uint64_t bytes_max = 1 << 30) const {
    auto made = CacheRoot::open(root(), bytes_max);
    EXPECT_TRUE(made) << made.error().message;
    auto opened = CacheFolder::open(std::move(*made), repository);
    EXPECT_TRUE(opened) << opened.error().message;
    return std::move(*opened);
  }

  // The copies that are there.
  std::vector<std::filesystem::path> files() const {
    std::vector<std::filesystem::path> found;
    if (!std::filesystem::exists(root())) return found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root())) {
      const auto name = entry.path().filename();
      if (entry.is_regular_file() && name != "usage" && name != "CACHEDIR.TAG") {
        found.push_back(entry.path());
      }
    }
    std::sort(found.begin(), found.end());
    return found;
  }

 private:
  std::filesystem::path folder_;
};

}  // namespace stillpoint::storage

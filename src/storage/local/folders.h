// SPDX-License-Identifier: Apache-2.0
// The folders of a storage on a file system.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/guarded.h"

namespace stillpoint::storage {

// Folders are named relative to the root ("" is the root itself). The root is opened once and all
// else goes through its descriptor: when a disk is unmounted in the middle of a backup, the rest of
// it fails instead of landing in the empty mount point.
class Folders {
 public:
  explicit Folders(std::filesystem::path root) : root_path_(std::move(root)) {}

  const std::filesystem::path& root_path() const { return root_path_; }
  std::string shown(std::string_view name) const;  // the path of what is named

  // The root's descriptor, good as long as this object. not_found where there is no root yet.
  Result<int> root();
  // The folder; not_found where it is not there.
  Result<base::File> open(std::string_view folder);
  // The folder, created and lasting together with all folders that lead to it.
  Result<base::File> create(std::string_view folder);
  // What the folder held when it was read, sorted; nothing where there is no such folder.
  Result<std::vector<std::string>> read(std::string_view folder);
  // Removes the folder if it is empty.
  void remove_empty(std::string_view folder);

 private:
  Result<void> create_root();
  Result<void> create_below(std::string_view folder);
  Result<void> make_lasting(std::string_view folder);

  std::filesystem::path root_path_;
  base::Guarded<base::File> root_;
  base::Guarded<std::set<std::string, std::less<>>> lasting_;  // folders that a crash would leave
};

// "data" of "data/ab", and "ab"; the folder of "config" is "".
std::string_view folder_of(std::string_view name);
std::string_view last_of(std::string_view name);

// openat(2) with O_CLOEXEC; `shown` names the file in messages.
Result<base::File> open_at(int folder, const std::string& name, int flags,
                           const std::string& shown);

}  // namespace stillpoint::storage

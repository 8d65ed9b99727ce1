// SPDX-License-Identifier: Apache-2.0
// A repository in a folder of its own, as large as wanted. Its packs of chunks are pretended:
// nothing reads them.
#pragma once

#include <filesystem>

#include "repository/testing.h"

namespace stillpoint::scale {

struct Size {
  std::uint64_t packs = 0;
  std::uint64_t blobs_a_pack = 1000;
  std::uint64_t backups = 1;
  std::uint64_t blobs() const { return packs * blobs_a_pack; }
};

class Pretended {
 public:
  // Its backups need every second pack, and each of them a folder that is its own.
  explicit Pretended(const Size& size);
  ~Pretended() { std::filesystem::remove_all(folder_); }
  Pretended(const Pretended&) = delete;
  Pretended& operator=(const Pretended&) = delete;

  std::unique_ptr<repository::Repository> open() const;
  std::uint64_t folder_packs() const { return folder_packs_; }  // beside those of chunks

 private:
  std::unique_ptr<storage::Backend> backend() const;
  Result<void> make_index(repository::Repository& repository) const;
  Result<void> make_backups(repository::Repository& repository);

  Size size_;
  std::uint64_t folder_packs_ = 0;
  std::filesystem::path folder_;
};

}  // namespace stillpoint::scale

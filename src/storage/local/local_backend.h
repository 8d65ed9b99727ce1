// SPDX-License-Identifier: Apache-2.0
// A folder of a local (or mounted) file system: one file an object, unfinished ones in tmp/.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>

#include "storage/backend.h"
#include "storage/local/folders.h"

namespace stillpoint::storage {

class LocalBackend : public Backend {
 public:
  explicit LocalBackend(std::filesystem::path root) : folders_(std::move(root)) {}

  using Backend::get;
  Properties properties() const override;
  std::string url() const override { return folders_.root_path().string(); }
  Result<void> put(std::string_view name, ByteView bytes, PutMode mode) override;
  Result<Bytes> get(std::string_view name, ByteRange range) override;
  Result<ObjectInfo> stat(std::string_view name) override;
  Result<void> list(std::string_view prefix, const Visit& visit) override;
  Result<void> remove(std::string_view name) override;
  void tidy(std::string_view prefix) override;

 private:
  Result<void> write(std::string_view name, ByteView bytes, PutMode mode);

  Folders folders_;
  std::once_flag cleaned_;
};

// A relative path is taken from the current folder of this moment.
Result<std::unique_ptr<Backend>> open_local(const std::filesystem::path& root);

}  // namespace stillpoint::storage

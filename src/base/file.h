// SPDX-License-Identifier: Apache-2.0
// Files as values of Result. All paths are taken as they are: no expansion.
#pragma once

#include <filesystem>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace stillpoint::base {

// A file descriptor that closes itself.
class File {
 public:
  File() = default;
  explicit File(int descriptor) : descriptor_(descriptor) {}
  ~File() { close(); }
  File(File&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  File& operator=(File&& other) noexcept {
    if (this != &other) {
      close();
      descriptor_ = std::exchange(other.descriptor_, -1);
    }
    return *this;
  }

  // `flags` as of open(2); O_CLOEXEC is always added.
  static Result<File> open(const std::filesystem::path& path, int flags, unsigned mode = 0600);
  int descriptor() const { return descriptor_; }
  Result<void> write(ByteView bytes) const;                       // all of it
  Result<void> write_at(ByteView bytes, std::uint64_t at) const;  // all of it
  // Fewer bytes than asked for only at the end of the file.
  Result<std::size_t> read_at(std::span<Byte> out, std::uint64_t at) const;
  Result<std::uint64_t> size() const;
  Result<void> sync() const;  // fsync
  void close();

 private:
  int descriptor_ = -1;
};

Result<Bytes> read_file(const std::filesystem::path& path, std::size_t bytes_max);
Result<void> sync_directory(const std::filesystem::path& path);
// Temporary file beside it, fsync, rename, fsync of the folder: whole or not at all, and lasting.
Result<void> replace_file(const std::filesystem::path& path, ByteView bytes, unsigned mode = 0600);
// Creates the folder and its parents; only the last one gets `mode`.
Result<void> make_directories(const std::filesystem::path& path, unsigned mode = 0700);

}  // namespace stillpoint::base

// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/random.h"

namespace stillpoint::base {
namespace fs = std::filesystem;

Result<File> File::open(const fs::path& path, int flags, unsigned mode) {
  for (;;) {
    const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC, mode);
    if (descriptor >= 0) return File(descriptor);
    if (errno != EINTR) return fail(system_error("open " + path.string(), errno));
  }
}

void File::close() {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
}

Result<void> File::write(ByteView bytes) const {
  while (!bytes.empty()) {
    const ssize_t n = ::write(descriptor_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(system_error("write", errno));
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

Result<void> File::write_at(ByteView bytes, std::uint64_t at) const {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(system_error("write", errno));
    bytes = bytes.subspan(static_cast<std::size_t>(n));
    at += static_cast<std::uint64_t>(n);
  }
  return {};
}

Result<std::size_t> File::read_at(std::span<Byte> out, std::uint64_t at) const {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t n =
        ::pread(descriptor_, out.data() + done, out.size() - done, static_cast<off_t>(at + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(system_error("read", errno));
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

Result<std::uint64_t> File::size() const {
  struct stat info = {};
  if (::fstat(descriptor_, &info) != 0) return fail(system_error("stat", errno));
  return static_cast<std::uint64_t>(info.st_size);
}

Result<void> File::sync() const {
  if (::fsync(descriptor_) != 0) return fail(system_error("fsync", errno));
  return {};
}

Result<Bytes> read_file(const fs::path& path, std::size_t bytes_max) {
  const File file = TRY(File::open(path, O_RDONLY));
  Bytes bytes;
  constexpr std::size_t step = 64 * 1024;
  for (;;) {  // by reading, not by size: pipes and /proc have none
    const std::size_t before = bytes.size();
    bytes.resize(before + step);
    const ssize_t n = ::read(file.descriptor(), bytes.data() + before, step);
    if (n < 0 && errno != EINTR) return fail(system_error("read " + path.string(), errno));
    bytes.resize(before + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    if (n == 0) return bytes;
    if (bytes.size() > bytes_max) {
      return fail(Errc::invalid, "read {}: larger than {} bytes", path.string(), bytes_max);
    }
  }
}

Result<void> sync_directory(const fs::path& path) {
  const fs::path folder = path.empty() ? fs::path(".") : path;
  const File directory = TRY(File::open(folder, O_RDONLY | O_DIRECTORY));
  TRY_DURING("folder " + folder.string(), directory.sync());
  return {};
}

Result<void> replace_file(const fs::path& path, ByteView bytes, unsigned mode) {
  const fs::path temporary = path.string() + ".tmp-" + random_token();
  const auto write = [&]() -> Result<void> {
    const File file = TRY(File::open(temporary, O_WRONLY | O_CREAT | O_EXCL, mode));
    TRY_DURING(temporary.string(), file.write(bytes));
    return file.sync();
  };
  Result<void> written = write();
  if (written && ::rename(temporary.c_str(), path.c_str()) != 0) {
    written = fail(system_error("rename to " + path.string(), errno));
  }
  if (!written) {
    ::unlink(temporary.c_str());
    return written;
  }
  return sync_directory(path.parent_path());
}

Result<void> make_directories(const fs::path& path, unsigned mode) {
  std::error_code error;
  if (path.has_parent_path()) {
    fs::create_directories(path.parent_path(), error);
    if (error)
      return fail(system_error("create folder " + path.parent_path().string(), error.value()));
  }
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) {
    return fail(system_error("create folder " + path.string(), errno));
  }
  if (!fs::is_directory(path, error)) {
    return fail(Errc::invalid, "create folder {}: a file of that name exists", path.string());
  }
  return {};
}

}  // namespace stillpoint::base

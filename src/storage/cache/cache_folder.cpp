// SPDX-License-Identifier: Apache-2.0
#include "storage/cache/cache_folder.h"

#include <cerrno>
#include <ctime>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/random.h"
#include "storage/cache/private_folder.h"
#include "storage/local/folders.h"

namespace stillpoint::storage {
namespace {

using base::File;

constexpr const char* temporary_folder = "tmp";
// To note every use would write to the disk at every read.
constexpr std::time_t use_noted_after = 60;

void note_use(int file, const struct stat& info) {
  if (info.st_mtim.tv_sec + use_noted_after > ::time(nullptr)) return;
  ::futimens(file, nullptr);
}

// Creates the folders that lead to `name`.
void make_folders(int folder, const std::string& name) {
  for (std::size_t end = name.find('/'); end != std::string::npos; end = name.find('/', end + 1)) {
    ::mkdirat(folder, name.substr(0, end).c_str(), 0700);
  }
}

}  // namespace

Result<std::unique_ptr<CacheFolder>> CacheFolder::open(std::unique_ptr<CacheRoot> root,
                                                       const Id& repository) {
  File folder = TRY(root->folder(repository));
  return std::unique_ptr<CacheFolder>(new CacheFolder(std::move(root), std::move(folder)));
}

std::optional<Bytes> CacheFolder::get(const std::string& name, std::uint64_t bytes) {
  const int descriptor =
      ::openat(folder_.descriptor(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) return std::nullopt;
  const File file(descriptor);
  struct stat info = {};
  if (::fstat(descriptor, &info) != 0) return std::nullopt;
  if (S_ISREG(info.st_mode) && static_cast<std::uint64_t>(info.st_size) == bytes) {
    Bytes copy(bytes);
    const auto count = file.read_at(copy, 0);
    if (count && *count == bytes) {
      note_use(descriptor, info);
      return copy;
    }
  }
  drop(name);
  return std::nullopt;
}

int CacheFolder::rename_into_place(const std::string& temporary, const std::string& name) {
  const int folder = folder_.descriptor();
  return ::renameat(folder, temporary.c_str(), folder, name.c_str()) == 0 ? 0 : errno;
}

// By a temporary file and a rename, without a sync: what a crash leaves is seen by its reader.
Result<void> CacheFolder::write(const std::string& name, ByteView bytes) {
  const int folder = folder_.descriptor();
  const std::string shown = (root_->path() / name).string();
  const std::string temporary =
      fmt::format("{}/{}-{}", temporary_folder, ::getpid(), base::random_token());
  constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
  Result<File> opened = open_at(folder, temporary, flags, shown);
  if (!opened && opened.error().code == Errc::not_found) {
    make_folders(folder, temporary);
    opened = open_at(folder, temporary, flags, shown);
  }
  const File file = TRY(std::move(opened));
  Result<void> written = file.write(bytes);
  if (written) {
    int error = rename_into_place(temporary, name);
    if (error == ENOENT) {
      make_folders(folder, name);
      error = rename_into_place(temporary, name);
    }
    if (error != 0) written = fail(base::system_error("create " + shown, error));
  }
  if (!written) ::unlinkat(folder, temporary.c_str(), 0);
  return written;
}

void CacheFolder::put(const std::string& name, ByteView bytes) {
  if (off_ || !root_->make_room(bytes.size())) return;
  const Result<void> written = write(name, bytes);
  if (!written) switch_off(written.error());
}

void CacheFolder::switch_off(const Error& error) {
  // What is missing was deleted meanwhile, as anybody may.
  if (error.code == Errc::not_found || off_.exchange(true)) return;
  log(LogLevel::warning, "nothing more is kept in the cache {}: {}", root_->path().string(),
      error.message);
}

void CacheFolder::drop(const std::string& name) {
  const int folder = folder_.descriptor();
  if (::unlinkat(folder, name.c_str(), 0) == 0 || (errno != EISDIR && errno != EPERM)) return;
  {
    const auto files = open_private(folder, name, name);
    if (!files) return;
    for (const std::string& file : names_in(files->descriptor())) {
      ::unlinkat(files->descriptor(), file.c_str(), 0);
    }
  }
  ::unlinkat(folder, name.c_str(), AT_REMOVEDIR);
}

std::vector<std::string> CacheFolder::names(const std::string& folder) const {
  const auto files = open_private(folder_.descriptor(), folder, folder);
  return files ? names_in(files->descriptor()) : std::vector<std::string>();
}

}  // namespace stillpoint::storage

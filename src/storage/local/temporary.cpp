// SPDX-License-Identifier: Apache-2.0
#include "storage/local/temporary.h"

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <ctime>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/process.h"
#include "base/random.h"
#include "storage/local/folders.h"

namespace stillpoint::storage {
namespace {

constexpr std::size_t large_bytes = 1 << 20;

using base::File;

constexpr std::chrono::hours stale_after{24};

// The process that a temporary file's name tells, or 0 where the name is not one of ours.
pid_t writer_of(const std::string& name) {
  const std::size_t dash = name.find('-');
  if (dash == std::string::npos || name.size() != dash + 1 + 16) return 0;
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + dash, pid);
  return error == std::errc() && end == name.data() + dash && pid > 0 ? pid : 0;
}

bool lacks_the_call(int error) {
  return error == EINVAL || error == ENOSYS || error == EOPNOTSUPP;
}

int create_exclusively(const Place& from, const Place& to) {
  const int error = rename_exclusively(from, to);
  return lacks_the_call(error) ? link_exclusively(from, to) : error;
}

bool is_folder(const Place& place) {
  struct stat info = {};
  return ::fstatat(place.folder, place.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
         S_ISDIR(info.st_mode);
}

}  // namespace

int rename_exclusively(const Place& from, const Place& to) {
  const int done =
      ::renameat2(from.folder, from.name.c_str(), to.folder, to.name.c_str(), RENAME_NOREPLACE);
  return done == 0 ? 0 : errno;
}

int link_exclusively(const Place& from, const Place& to) {
  if (::linkat(from.folder, from.name.c_str(), to.folder, to.name.c_str(), 0) == 0) return 0;
  const int error = errno;
  // NFS may say EEXIST of our own link when the server's first answer was lost.
  struct stat info = {};
  const bool linked = error == EEXIST && ::fstatat(from.folder, from.name.c_str(), &info, 0) == 0 &&
                      info.st_nlink == 2;
  return linked ? 0 : error;
}

Result<Temporary> Temporary::write(int folder, const std::string& shown, ByteView bytes) {
  const std::string name = fmt::format("{}-{}", ::getpid(), base::random_token());
  const std::string path = shown + "/" + name;
  const File file = TRY(open_at(folder, name, O_WRONLY | O_CREAT | O_EXCL, path));
  Temporary temporary({folder, name});
  TRY_DURING(path, file.write(bytes));
  TRY_DURING(path, file.sync());
  // It is on the disk and nobody reads it soon: the page cache belongs to the database that is
  // being backed up. (Advice only: a failure means nothing.)
  if (bytes.size() >= large_bytes) ::posix_fadvise(file.descriptor(), 0, 0, POSIX_FADV_DONTNEED);
  return temporary;
}

Temporary::~Temporary() {
  if (place_.folder >= 0) ::unlinkat(place_.folder, place_.name.c_str(), 0);
}

Result<void> Temporary::move_to(const Place& to, PutMode mode, const std::string& shown) {
  const int error =
      mode == PutMode::create_only ? create_exclusively(place_, to)
      : ::renameat(place_.folder, place_.name.c_str(), to.folder, to.name.c_str()) == 0 ? 0
                                                                                        : errno;
  if (error == 0) return {};  // after a rename, the destructor finds nothing to remove
  if (error == EISDIR || (error == EEXIST && is_folder(to))) {
    return fail(Errc::invalid, "{} is a folder where an object is to be put", shown);
  }
  if (error == ENOENT) {
    return fail(Errc::unavailable, "the folder of {} was removed meanwhile", shown);
  }
  if (error == EXDEV) {
    return fail(Errc::unsupported, "{} is on another file system than the storage's root", shown);
  }
  if (mode == PutMode::create_only && (lacks_the_call(error) || error == EPERM)) {
    return fail(
        Error{Errc::unsupported,
              "create " + shown + ": the file system has neither RENAME_NOREPLACE nor links",
              "choose another file system"});
  }
  return fail(base::system_error("create " + shown, error));
}

void remove_stale(int folder, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const pid_t writer = writer_of(name);
    struct stat info = {};
    if (writer == 0 || ::fstatat(folder, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(info.st_mode)) {
      continue;
    }
    const bool old = info.st_mtime + std::chrono::seconds(stale_after).count() < ::time(nullptr);
    const bool gone = !base::process_exists(writer);
    if (old && gone) ::unlinkat(folder, name.c_str(), 0);
  }
}

}  // namespace stillpoint::storage

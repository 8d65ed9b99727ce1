// SPDX-License-Identifier: Apache-2.0
#include "storage/local/local_backend.h"

#include <algorithm>
#include <cerrno>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/text.h"
#include "storage/local/distant.h"
#include "storage/local/temporary.h"
#include "storage/range.h"

namespace stillpoint::storage {
namespace {

namespace fs = std::filesystem;
using base::File;

constexpr std::string_view temporary_folder = "tmp";
// Writes wait for the disk's syncs, which the kernel merges when several wait at once.
constexpr int connections_max = 4;

// Errors of open and stat that say that there is no object of that name.
bool says_missing(int error) {
  return error == ENOENT || error == ENOTDIR || error == ELOOP || error == ENXIO;
}

tl::unexpected<Error> missing(const std::string& shown) {
  return fail(Errc::not_found, "there is no {}", shown);
}

// Also by a symbolic link: get and put follow those too.
bool leads_to_folder(int root, const std::string& name) {
  struct stat info = {};
  return ::fstatat(root, name.c_str(), &info, 0) == 0 && S_ISDIR(info.st_mode);
}

}  // namespace

Properties LocalBackend::properties() const {
  return {connections_max, limits::object_bytes_max, true, is_distant(folders_.root_path())};
}

Result<void> LocalBackend::write(std::string_view name, ByteView bytes, PutMode mode) {
  const File temporaries = TRY(folders_.create(temporary_folder));
  std::call_once(cleaned_, [&] {
    if (const auto names = folders_.read(temporary_folder)) {
      remove_stale(temporaries.descriptor(), *names);
    }
  });
  const File folder = TRY(folders_.create(folder_of(name)));
  Temporary temporary =
      TRY(Temporary::write(temporaries.descriptor(), folders_.shown(temporary_folder), bytes));
  Result<void> moved = temporary.move_to({folder.descriptor(), std::string(last_of(name))}, mode,
                                         folders_.shown(name));
  // Whoever is told that an object exists relies on it as its writer does: sync for both.
  if (moved || moved.error().code == Errc::already_exists) {
    TRY_DURING("folder " + folders_.shown(folder_of(name)), folder.sync());
  }
  return moved;
}

Result<void> LocalBackend::put(std::string_view name, ByteView bytes, PutMode mode) {
  TRY(check_name(name));
  if (bytes.size() > limits::object_bytes_max) {
    return fail(Errc::invalid, "put {}: {} bytes are more than an object may have", name,
                bytes.size());
  }
  TRY_DURING(fmt::format("put {}", name), write(name, bytes, mode));
  return {};
}

Result<Bytes> LocalBackend::get(std::string_view name, ByteRange range) {
  TRY(check_name(name));
  const int root = TRY(folders_.root());
  const std::string shown = folders_.shown(name);
  // O_NONBLOCK: a pipe of that name must not hold us up before we see that it is none of ours.
  const int descriptor =
      ::openat(root, std::string(name).c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0 && says_missing(errno)) return missing(shown);
  if (descriptor < 0) return fail(base::system_error("open " + shown, errno));
  const File file(descriptor);
  struct stat info = {};
  if (::fstat(descriptor, &info) != 0) return fail(base::system_error("stat " + shown, errno));
  if (!S_ISREG(info.st_mode)) return missing(shown);
  const ByteRange part = TRY(resolve_range(shown, range, static_cast<std::uint64_t>(info.st_size)));
  Bytes bytes(part.size);
  const std::size_t count = TRY_DURING(shown, file.read_at(bytes, part.offset));
  if (count != bytes.size()) {
    return fail(Errc::corrupt, "{} became shorter while it was read", shown);
  }
  return bytes;
}

Result<ObjectInfo> LocalBackend::stat(std::string_view name) {
  TRY(check_name(name));
  const int root = TRY(folders_.root());
  struct stat info = {};
  if (::fstatat(root, std::string(name).c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    if (says_missing(errno)) return missing(folders_.shown(name));
    return fail(base::system_error("stat " + folders_.shown(name), errno));
  }
  if (!S_ISREG(info.st_mode)) return missing(folders_.shown(name));
  return ObjectInfo{std::string(name), static_cast<std::uint64_t>(info.st_size)};
}

Result<void> LocalBackend::list(std::string_view prefix, const Visit& visit) {
  TRY(check_prefix(prefix));
  const Result<int> root = folders_.root();
  if (!root && root.error().code == Errc::not_found) return {};
  TRY(root);
  std::vector<std::string> folders = {std::string(prefix)};
  while (!folders.empty()) {
    const std::string folder = std::move(folders.back());
    folders.pop_back();
    for (const std::string& part : TRY(folders_.read(folder))) {
      const std::string name = folder + part;
      if (!check_name(name)) continue;
      struct stat info = {};
      if (::fstatat(*root, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
        if (says_missing(errno)) continue;  // removed since
        return fail(base::system_error("stat " + folders_.shown(name), errno));
      }
      if (S_ISREG(info.st_mode)) {
        TRY(visit({name, static_cast<std::uint64_t>(info.st_size)}));
      } else if (leads_to_folder(*root, name)) {
        folders.push_back(name + "/");
      }
    }
  }
  return {};
}

Result<void> LocalBackend::remove(std::string_view name) {
  TRY(check_name(name));
  const Result<int> root = folders_.root();
  if (!root && root.error().code == Errc::not_found) return {};
  TRY(root);
  const bool done = ::unlinkat(*root, std::string(name).c_str(), 0) == 0;
  if (!done && !says_missing(errno) && errno != EISDIR) {
    return fail(base::system_error("remove " + folders_.shown(name), errno));
  }
  // Also where nothing was there: an earlier try may have failed between its two steps.
  const Result<File> folder = folders_.open(folder_of(name));
  if (!folder && folder.error().code == Errc::not_found) return {};
  if (!folder) return fail(folder.error());
  TRY_DURING("folder " + folders_.shown(folder_of(name)), folder->sync());
  return {};
}

void LocalBackend::tidy(std::string_view prefix) {
  if (prefix.empty() || !check_prefix(prefix)) return;
  std::vector<std::string> found = {std::string(prefix)};
  for (std::size_t next = 0; next < found.size(); ++next) {
    const std::string folder = found[next];
    const auto names = folders_.read(folder);
    if (!names) return;
    for (const std::string& part : *names) {
      if (check_name(folder + part)) found.push_back(folder + part + "/");
    }
  }
  for (auto folder = found.rbegin(); folder != found.rend(); ++folder) {
    folders_.remove_empty(std::string_view(*folder).substr(0, folder->size() - 1));
  }
}

Result<std::unique_ptr<Backend>> open_local(const fs::path& root) {
  const std::string& text = root.native();
  if (text.empty()) return fail(Errc::invalid, "a storage with an empty path");
  if (text.find('\0') != std::string::npos) {
    return fail(Errc::invalid, "the path '{}' has a zero byte", base::printable(text));
  }
  std::error_code error;
  fs::path path = fs::absolute(root, error);
  if (error) return fail(base::system_error("find the current folder", error.value()));
  // Only the file system knows where ".." leads behind a symbolic link.
  if (std::find(path.begin(), path.end(), "..") != path.end()) {
    path = fs::weakly_canonical(path, error);
    if (error) return fail(base::system_error("storage " + text, error.value()));
  }
  path = path.lexically_normal();
  if (!path.has_filename() && path.has_relative_path()) path = path.parent_path();
  return std::make_unique<LocalBackend>(std::move(path));
}

}  // namespace stillpoint::storage

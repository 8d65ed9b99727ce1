// SPDX-License-Identifier: Apache-2.0
#include "storage/cache/private_folder.h"

#include <cerrno>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/local/folders.h"

namespace stillpoint::storage {

using base::File;

Result<File> open_private(int parent, const std::string& name, const std::string& shown) {
  File folder = TRY(open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, shown));
  struct stat info = {};
  if (::fstat(folder.descriptor(), &info) != 0) {
    return fail(base::system_error("stat " + shown, errno));
  }
  if (info.st_uid != ::geteuid()) {
    return fail(Error{Errc::denied, shown + " belongs to somebody else", "name another folder"});
  }
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return fail(
        Error{Errc::denied, "others may write to " + shown, "take that away: chmod go-w " + shown});
  }
  return folder;
}

Result<File> make_private(int parent, const std::string& name, const std::string& shown) {
  if (::mkdirat(parent, name.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail(base::system_error("create folder " + shown, errno));
  }
  return open_private(parent, name, shown);
}

std::vector<std::string> names_in(int folder) {
  std::vector<std::string> names;
  // Opened anew: a copy of the descriptor would share its place in the folder with others.
  const int own = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const directory = own < 0 ? nullptr : ::fdopendir(own);
  if (directory == nullptr) {
    if (own >= 0) ::close(own);
    return names;
  }
  while (const dirent* entry = ::readdir(directory)) {
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  ::closedir(directory);
  return names;
}

}  // namespace stillpoint::storage

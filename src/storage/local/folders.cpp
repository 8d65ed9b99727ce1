// SPDX-License-Identifier: Apache-2.0
#include "storage/local/folders.h"

#include <algorithm>
#include <cerrno>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace stillpoint::storage {
namespace fs = std::filesystem;
using base::File;

std::string Folders::shown(std::string_view name) const {
  return name.empty() ? root_path_.string() : (root_path_ / name).string();
}

std::string_view folder_of(std::string_view name) {
  const std::size_t slash = name.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : name.substr(0, slash);
}

std::string_view last_of(std::string_view name) {
  const std::size_t slash = name.rfind('/');
  return slash == std::string_view::npos ? name : name.substr(slash + 1);
}

Result<File> open_at(int folder, const std::string& name, int flags, const std::string& shown) {
  for (;;) {
    const int descriptor = ::openat(folder, name.c_str(), flags | O_CLOEXEC, 0600);
    if (descriptor >= 0) return File(descriptor);
    if (errno != EINTR) return fail(base::system_error("open " + shown, errno));
  }
}

Result<int> Folders::root() {
  return root_.with([&](File& root) -> Result<int> {
    if (root.descriptor() >= 0) return root.descriptor();
    const int descriptor = ::open(root_path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0 && errno == ENOTDIR) {
      return fail(Error{Errc::invalid,
                        "storage " + root_path_.string() + ": a file is there, not a folder",
                        "name a folder, or a place where one can be created"});
    }
    if (descriptor < 0) {
      return fail(base::system_error("open storage " + root_path_.string(), errno));
    }
    root = File(descriptor);
    return descriptor;
  });
}

Result<void> Folders::create_root() {
  const Result<int> there = root();
  if (there) return {};
  if (there.error().code != Errc::not_found) return fail(there.error());
  fs::path path;
  for (const fs::path& part : root_path_) {
    const fs::path parent = path;
    path /= part;
    const bool last = path == root_path_;
    if (::mkdir(path.c_str(), last ? 0700 : 0755) == 0) {
      TRY(base::sync_directory(parent));
    } else if (errno != EEXIST) {
      return fail(base::system_error("create folder " + path.string(), errno));
    }
  }
  TRY(root());
  return {};
}

Result<File> Folders::open(std::string_view folder) {
  const int at = TRY(root());
  return open_at(at, folder.empty() ? "." : std::string(folder), O_RDONLY | O_DIRECTORY,
                 shown(folder));
}

Result<void> Folders::make_lasting(std::string_view folder) {
  const int at = TRY(root());
  if (::mkdirat(at, std::string(folder).c_str(), 0700) != 0 && errno != EEXIST) {
    return fail(base::system_error("create folder " + shown(folder), errno));
  }
  // Also where it existed: whoever created it may not have come to this point.
  const File parent = TRY(open(folder_of(folder)));
  TRY_DURING("folder " + shown(folder_of(folder)), parent.sync());
  lasting_.with([&](auto& lasting) { lasting.emplace(folder); });
  return {};
}

Result<void> Folders::create_below(std::string_view folder) {
  const auto is_lasting = [&](std::string_view path) {
    return lasting_.with([&](const auto& lasting) { return lasting.contains(path); });
  };
  if (folder.empty() || is_lasting(folder)) return {};
  for (std::size_t end = 0; end != folder.size();) {
    end = std::min(folder.find('/', end + 1), folder.size());
    const std::string_view path = folder.substr(0, end);
    if (!is_lasting(path)) TRY(make_lasting(path));
  }
  return {};
}

Result<File> Folders::create(std::string_view folder) {
  TRY(create_root());
  const auto attempt = [&]() -> Result<File> {
    TRY(create_below(folder));
    return open(folder);
  };
  Result<File> opened = attempt();
  if (opened || opened.error().code != Errc::not_found) return opened;
  for (std::string_view path = folder; !path.empty(); path = folder_of(path)) {
    struct stat info = {};
    const bool there = ::fstatat(TRY(root()), std::string(path).c_str(), &info, 0) == 0;
    if (there && !S_ISDIR(info.st_mode)) {
      return fail(Errc::invalid, "{} is a file where a folder is needed", shown(path));
    }
  }
  // Somebody removed the folder, or one above it, since we saw it.
  lasting_.with([](auto& lasting) { lasting.clear(); });
  return attempt();
}

Result<std::vector<std::string>> Folders::read(std::string_view folder) {
  std::vector<std::string> names;
  Result<File> opened = open(folder);
  if (!opened && opened.error().code == Errc::not_found) return names;
  const File file = TRY(std::move(opened));
  const int copy = ::fcntl(file.descriptor(), F_DUPFD_CLOEXEC, 0);  // closedir closes it
  DIR* const directory = copy < 0 ? nullptr : ::fdopendir(copy);
  if (directory == nullptr) {
    const int error = errno;
    if (copy >= 0) ::close(copy);
    return fail(base::system_error("list " + shown(folder), error));
  }
  errno = 0;
  while (const dirent* entry = ::readdir(directory)) names.emplace_back(entry->d_name);
  const int error = errno;
  ::closedir(directory);
  if (error != 0) return fail(base::system_error("list " + shown(folder), error));
  // Some file systems give a name twice when its file is replaced meanwhile.
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

void Folders::remove_empty(std::string_view folder) {
  const Result<int> at = root();
  if (!at) return;
  lasting_.with([&](auto& lasting) {
    const auto found = lasting.find(folder);
    if (found != lasting.end()) lasting.erase(found);
  });
  ::unlinkat(*at, std::string(folder).c_str(), AT_REMOVEDIR);
}

}  // namespace stillpoint::storage

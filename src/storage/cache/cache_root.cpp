// SPDX-License-Identifier: Apache-2.0
#include "storage/cache/cache_root.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <functional>
#include <optional>
#include <thread>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "storage/cache/private_folder.h"
#include "storage/local/folders.h"

namespace stillpoint::storage {
namespace {

namespace fs = std::filesystem;
using base::File;

constexpr std::uint64_t block_bytes = 4096;
constexpr const char* tag_name = "CACHEDIR.TAG";  // programs that make backups leave it out
constexpr std::string_view tag_text =
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# Copies of what a repository of stillpoint holds. They may be deleted at any moment.\n";
constexpr const char* usage_name = "usage";

// A file of a cache, in an open folder.
struct CachedFile {
  int folder = -1;
  const std::string& name;
  std::int64_t used_ns = 0;
  std::uint64_t bytes = 0;  // on the disk
};

using VisitFile = std::function<void(const CachedFile&)>;

std::uint64_t on_disk(std::uint64_t bytes) {
  return (bytes + block_bytes - 1) / block_bytes * block_bytes;
}

std::int64_t ns_of(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

void visit_files(int parent, const std::string& name, const VisitFile& visit) {
  const auto folder = open_private(parent, name, name);
  if (!folder) return;
  for (const std::string& file : names_in(folder->descriptor())) {
    struct stat info = {};
    const int at = folder->descriptor();
    if (::fstatat(at, file.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (S_ISDIR(info.st_mode)) continue;
    visit({at, file, ns_of(info.st_mtim), on_disk(static_cast<std::uint64_t>(info.st_size))});
  }
}

void visit_cache(int root, const std::string& repository, const VisitFile& visit) {
  const auto cache = open_private(root, repository, repository);
  if (!cache) return;
  for (const char* kind : {"index", "snapshots", "tmp"}) {
    visit_files(cache->descriptor(), kind, visit);
  }
  const auto trees = open_private(cache->descriptor(), "trees", "trees");
  if (!trees) return;
  for (const std::string& pack : names_in(trees->descriptor())) {
    visit_files(trees->descriptor(), pack, visit);
    ::unlinkat(trees->descriptor(), pack.c_str(), AT_REMOVEDIR);  // if nothing is left in it
  }
}

void visit_caches(int root, const VisitFile& visit) {
  Id id;
  for (const std::string& name : names_in(root)) {
    if (Id::parse(name, id)) visit_cache(root, name, visit);
  }
}

// Removes what was not used for longest until no more than so many bytes are there; tells how many
// are. Twice through the folders, so that memory is needed for times and sizes only.
std::uint64_t evict(int root, std::uint64_t bytes_max) {
  std::vector<std::pair<std::int64_t, std::uint64_t>> files;
  std::uint64_t total = 0;
  visit_caches(root, [&](const CachedFile& file) {
    files.emplace_back(file.used_ns, file.bytes);
    total += file.bytes;
  });
  if (total <= bytes_max) return total;
  std::sort(files.begin(), files.end());
  std::int64_t until = 0;
  std::uint64_t rest = total;
  for (const auto& [used, bytes] : files) {
    if (rest <= bytes_max) break;
    rest -= bytes;
    until = used;
  }
  visit_caches(root, [&](const CachedFile& file) {
    const bool goes = file.used_ns < until || (file.used_ns == until && total > bytes_max);
    if (goes && ::unlinkat(file.folder, file.name.c_str(), 0) == 0) total -= file.bytes;
  });
  return total;
}

// Nobody else's while it is open. Nobody is waited for long: what cannot be counted is not kept.
std::optional<File> lock_usage(int root) {
  constexpr int tries_max = 20;
  const int descriptor =
      ::openat(root, usage_name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
  if (descriptor < 0) return std::nullopt;
  File file(descriptor);
  for (int tries = 1; ::flock(descriptor, LOCK_EX | LOCK_NB) != 0; ++tries) {
    if (tries == tries_max || (errno != EWOULDBLOCK && errno != EINTR)) return std::nullopt;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  struct stat info = {};
  if (::fstat(descriptor, &info) != 0 || info.st_nlink == 0) return std::nullopt;
  return file;
}

std::optional<std::uint64_t> read_usage(const File& file) {
  Bytes bytes(20);
  const auto count = file.read_at(bytes, 0);
  if (!count) return std::nullopt;
  const std::string_view text = base::text_of(ByteView(bytes).first(*count));
  std::uint64_t usage = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), usage);
  if (error != std::errc() || end == text.data() + text.size() || *end != '\n') return std::nullopt;
  return usage;
}

bool write_usage(const File& file, std::uint64_t usage) {
  const std::string text = fmt::format("{}\n", usage);
  return file.write_at(base::view_of(text), 0).has_value();
}

// Behind a slash at its end a symbolic link would be followed.
fs::path without_slash(const fs::path& path) {
  const fs::path normal = path.lexically_normal();
  return normal.has_filename() ? normal : normal.parent_path();
}

}  // namespace

Result<std::unique_ptr<CacheRoot>> CacheRoot::open(const fs::path& given, std::uint64_t bytes_max) {
  const fs::path path = without_slash(given);
  if (path.has_parent_path()) {
    TRY_DURING("cache", base::make_directories(path.parent_path()));
  }
  File folder = TRY_DURING("cache", make_private(AT_FDCWD, path.string(), path.string()));
  return std::unique_ptr<CacheRoot>(new CacheRoot(path, std::move(folder), bytes_max));
}

Result<std::unique_ptr<CacheRoot>> CacheRoot::find(const fs::path& given) {
  const fs::path path = without_slash(given);
  File folder = TRY_DURING("cache", open_private(AT_FDCWD, path.string(), path.string()));
  return std::unique_ptr<CacheRoot>(new CacheRoot(path, std::move(folder), 0));
}

CacheRoot::~CacheRoot() {
  reserved_.with([&](std::uint64_t& reserved) {
    if (reserved > 0) reserve(reserved, 0);
  });
}

Result<File> CacheRoot::folder(const Id& repository) const {
  const std::string shown = (path_ / repository.hex()).string();
  File folder = TRY_DURING("cache", make_private(folder_.descriptor(), repository.hex(), shown));
  const auto tag =
      open_at(folder.descriptor(), tag_name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, shown);
  if (tag) TRY_DURING("cache " + shown, tag->write(base::view_of(tag_text)));
  ::futimens(folder.descriptor(), nullptr);  // for unused_since
  return folder;
}

// Instead of what is left of the last reservation. Counted before it is written: whoever is killed
// leaves a count that is too high, and the next who needs the room counts anew.
bool CacheRoot::reserve(std::uint64_t& reserved, std::uint64_t wanted) const {
  const std::optional<File> file = lock_usage(folder_.descriptor());
  if (!file) return false;
  std::optional<std::uint64_t> used = read_usage(*file);
  if (used) used = *used - std::min(*used, reserved);
  // What others have reserved and not written yet is not seen when files are counted: an eighth is
  // for that.
  const std::uint64_t limit = bytes_max_ - bytes_max_ / 8;
  if (wanted > 0 && (!used || *used > limit || wanted > limit - *used)) {
    // An eighth more than needed, so that the next one is long off.
    used = evict(folder_.descriptor(), limit - limit / 8 - wanted);
  }
  if (!used) return false;
  reserved = wanted <= limit - std::min(*used, limit) ? wanted : 0;
  return write_usage(*file, *used + reserved) && reserved == wanted;
}

bool CacheRoot::make_room(std::uint64_t bytes) {
  const std::uint64_t needed = on_disk(bytes);
  if (needed > bytes_max_ / 8) return false;
  return reserved_.with([&](std::uint64_t& reserved) {
    if (reserved < needed && !reserve(reserved, std::max(needed, bytes_max_ / 64))) return false;
    reserved -= needed;
    return true;
  });
}

std::vector<UnusedCache> CacheRoot::unused_since(base::Time time) const {
  std::vector<UnusedCache> found;
  for (const std::string& name : names_in(folder_.descriptor())) {
    UnusedCache cache;
    struct stat info = {};
    if (!Id::parse(name, cache.repository) ||
        ::fstatat(folder_.descriptor(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
      continue;
    }
    cache.used = base::Time(std::chrono::nanoseconds(ns_of(info.st_mtim)));
    if (!S_ISDIR(info.st_mode) || cache.used >= time) continue;
    visit_cache(folder_.descriptor(), name,
                [&](const CachedFile& file) { cache.bytes += file.bytes; });
    found.push_back(cache);
  }
  return found;
}

void CacheRoot::remove(const Id& repository) const {
  const std::string name = repository.hex();
  visit_cache(folder_.descriptor(), name,
              [](const CachedFile& file) { ::unlinkat(file.folder, file.name.c_str(), 0); });
  {
    const auto cache = open_private(folder_.descriptor(), name, name);
    if (!cache) return;
    for (const char* kind : {"index", "snapshots", "trees", "tmp"}) {
      ::unlinkat(cache->descriptor(), kind, AT_REMOVEDIR);
    }
    ::unlinkat(cache->descriptor(), tag_name, 0);
  }
  ::unlinkat(folder_.descriptor(), name.c_str(), AT_REMOVEDIR);
}

}  // namespace stillpoint::storage

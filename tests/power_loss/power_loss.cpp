// SPDX-License-Identifier: Apache-2.0
// What a loss of power would leave behind. Preloaded into a program, this keeps a record of every
// fsync of a file (its bytes as they were) and of a folder (its names) below some folder.
// tests/e2e/power_loss.py makes a tree of these records alone: of all file systems that POSIX
// allows, the one that loses most.
//
//   POWER_LOSS_ROOT     what is recorded: this folder and everything in it
//   POWER_LOSS_RECORDS  where the records are kept
//   POWER_LOSS_AT       the power goes at this fsync (from 1), before it has done anything
//   POWER_LOSS_FORGET   this fsync is forgotten, though it says that it was done
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <vector>

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

std::mutex mutex;
long number = 0;

[[noreturn]] void give_up(const std::string& what) {
  std::fprintf(stderr, "power_loss: %s: errno %d\n", what.c_str(), errno);
  std::abort();
}

std::string setting(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// No other file has or had it: inode numbers alone are used again.
std::string key_of(int folder, const std::string& name, bool& is_folder) {
  struct statx info = {};
  if (::statx(folder, name.c_str(), AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW,
              STATX_INO | STATX_TYPE | STATX_BTIME, &info) != 0) {
    return "";  // removed meanwhile
  }
  if ((info.stx_mask & STATX_BTIME) == 0) give_up("files have no time of birth here");
  is_folder = S_ISDIR(info.stx_mode);
  return std::to_string(info.stx_ino) + "-" + std::to_string(info.stx_btime.tv_sec) + "-" +
         std::to_string(info.stx_btime.tv_nsec);
}

void write_all(int file, const char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t count = ::write(file, bytes, size);
    if (count < 0) give_up("write");
    bytes += count;
    size -= static_cast<std::size_t>(count);
  }
}

void keep(const std::string& path, const std::string& bytes, int flags) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);
  if (file < 0) give_up(path);
  write_all(file, bytes.data(), bytes.size());
  ::close(file);
}

// At once: the power may go at any time.
void replace(const std::string& path, const std::string& bytes) {
  keep(path + ".new", bytes, O_TRUNC);
  if (std::rename((path + ".new").c_str(), path.c_str()) != 0) give_up(path);
}

std::string bytes_of(const std::string& descriptor) {
  const int file = ::open(descriptor.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) give_up(descriptor);
  std::string all;
  std::vector<char> part(1 << 16);
  for (;;) {
    const ssize_t count = ::read(file, part.data(), part.size());
    if (count < 0) give_up(descriptor);
    if (count == 0) break;
    all.append(part.data(), static_cast<std::size_t>(count));
  }
  ::close(file);
  return all;
}

// A line an entry: d or f, its key, its name.
std::string names_in(int descriptor) {
  const int folder = ::openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* open = folder < 0 ? nullptr : ::fdopendir(folder);
  if (open == nullptr) give_up("read a folder");
  std::string lines;
  while (const dirent* entry = ::readdir(open)) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    bool is_folder = false;
    const std::string key = key_of(folder, name, is_folder);
    if (!key.empty()) lines += (is_folder ? "d " : "f ") + key + " " + name + "\n";
  }
  ::closedir(open);
  return lines;
}

void record(int descriptor) {
  const std::string root = setting("POWER_LOSS_ROOT");
  const std::string records = setting("POWER_LOSS_RECORDS");
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  std::vector<char> target(4096);
  const ssize_t length = ::readlink(link.c_str(), target.data(), target.size());
  if (root.empty() || length < 0) return;
  const std::string path(target.data(), static_cast<std::size_t>(length));
  if (path != root && !path.starts_with(root + "/")) return;
  const std::lock_guard lock(mutex);
  ++number;
  if (setting("POWER_LOSS_AT") == std::to_string(number)) {
    ::kill(::getpid(), SIGKILL);
    for (;;) ::pause();
  }
  bool is_folder = false;
  std::string key = key_of(descriptor, "", is_folder);
  if (path == root) key = "root";
  keep(records + "/log",
       std::to_string(number) + (is_folder ? " d " : " f ") + key + " " + path + "\n", O_APPEND);
  if (setting("POWER_LOSS_FORGET") == std::to_string(number)) return;
  replace(records + "/" + key, is_folder ? names_in(descriptor) : bytes_of(link));
}

int synced(const char* name, int descriptor) {
  using Sync = int (*)(int);
  const auto next = reinterpret_cast<Sync>(::dlsym(RTLD_NEXT, name));
  if (next == nullptr) give_up(name);
  const int done = next(descriptor);
  const int error = errno;
  if (done == 0) record(descriptor);
  errno = error;
  return done;
}

}  // namespace

extern "C" {

int fsync(int descriptor) {
  return synced("fsync", descriptor);
}

int fdatasync(int descriptor) {
  return synced("fdatasync", descriptor);
}
}

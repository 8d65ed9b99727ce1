// SPDX-License-Identifier: Apache-2.0
// Every call by which a program changes a folder is a step. Preloaded, this writes them down, and
// makes one of them the program's last, or lets it go wrong.
//
//   STEPS_ROOT   what is watched: this folder and everything in it
//   STEPS_LOG    where a line is written for every step: its number, kind and path
//   STEPS_READS  set: opening, listing and reading are steps, too
//   STEPS_AT     at this step (from 1), before it has done anything,
//   STEPS_DO     kill: the process is killed. stop: it is stopped, until somebody continues it.
//                hang: this call never comes back. fail: it fails with EIO. short: a write writes
//                half of its bytes, and then the disk is full.
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <vector>

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

namespace {

std::mutex mutex;
long number = 0;
std::atomic<bool> full = false;

enum class Verdict { go_on, fail, cut_short };

std::string setting(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

template <class F>
F next(const char* name) {
  return reinterpret_cast<F>(::dlsym(RTLD_NEXT, name));
}

std::string path_of(int descriptor) {
  std::vector<char> target(4096);
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  const ssize_t length = ::readlink(link.c_str(), target.data(), target.size());
  return length < 0 ? "" : std::string(target.data(), static_cast<std::size_t>(length));
}

std::string path_of(int folder, const char* name) {
  if (name[0] == '/' || folder == AT_FDCWD) return name;
  return path_of(folder) + "/" + name;
}

[[noreturn]] void wait_for_ever() {
  for (;;) ::pause();
}

void write_down(const std::string& line) {
  static const auto open_next = next<int (*)(const char*, int, ...)>("open");
  static const auto write_next = next<ssize_t (*)(int, const void*, std::size_t)>("write");
  const int file = open_next(setting("STEPS_LOG").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (file < 0 || write_next(file, line.data(), line.size()) < 0) std::abort();
  ::close(file);
}

Verdict step(const char* kind, const std::string& path, bool changes) {
  static const std::string root = setting("STEPS_ROOT");
  if (root.empty() || (path != root && !path.starts_with(root + "/"))) return Verdict::go_on;
  if (!changes && setting("STEPS_READS").empty()) return Verdict::go_on;
  const std::string what = setting("STEPS_DO");
  {
    const std::lock_guard lock(mutex);
    ++number;
    const bool now = setting("STEPS_AT") == std::to_string(number);
    write_down(std::to_string(number) + (now ? " * " : " ") + kind + " " + path + "\n");
    if (!now) return Verdict::go_on;
    if (what == "kill") ::kill(::getpid(), SIGKILL);
    if (what == "kill") wait_for_ever();
  }
  if (what == "hang") wait_for_ever();
  if (what == "stop") ::kill(::getpid(), SIGSTOP);
  errno = EIO;
  if (what == "fail") return Verdict::fail;
  return what == "short" ? Verdict::cut_short : Verdict::go_on;
}

bool fails(const char* kind, const std::string& path, bool changes = true) {
  return step(kind, path, changes) == Verdict::fail;
}

// How many of the bytes are written; -1 where none are.
template <class F>
ssize_t write_some(int file, std::size_t size, const F& write) {
  if (full) {
    errno = ENOSPC;
    return -1;
  }
  switch (step("write", path_of(file), true)) {
    case Verdict::fail:
      return -1;
    case Verdict::cut_short:
      full = true;
      return write(size / 2);
    case Verdict::go_on:
      break;
  }
  return write(size);
}

int open_some(const std::string& path, int flags) {
  const bool creates = (flags & O_CREAT) != 0;
  return fails(creates ? "create" : "open", path, creates) ? -1 : 0;
}

mode_t mode_in(int flags, va_list more) {
  return (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = mode_in(flags, more);
  va_end(more);
  if (open_some(path, flags) != 0) return -1;
  return next<int (*)(const char*, int, ...)>("open")(path, flags, mode);
}

int openat(int folder, const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = mode_in(flags, more);
  va_end(more);
  if (open_some(path_of(folder, path), flags) != 0) return -1;
  return next<int (*)(int, const char*, int, ...)>("openat")(folder, path, flags, mode);
}

int mkdir(const char* path, mode_t mode) {
  if (fails("mkdir", path)) return -1;
  return next<int (*)(const char*, mode_t)>("mkdir")(path, mode);
}

int mkdirat(int folder, const char* path, mode_t mode) {
  if (fails("mkdir", path_of(folder, path))) return -1;
  return next<int (*)(int, const char*, mode_t)>("mkdirat")(folder, path, mode);
}

ssize_t write(int file, const void* bytes, size_t size) {
  const auto go_on = next<ssize_t (*)(int, const void*, size_t)>("write");
  return write_some(file, size, [&](std::size_t some) { return go_on(file, bytes, some); });
}

ssize_t pwrite(int file, const void* bytes, size_t size, off_t at) {
  const auto go_on = next<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite");
  return write_some(file, size, [&](std::size_t some) { return go_on(file, bytes, some, at); });
}

ssize_t pread(int file, void* bytes, size_t size, off_t at) {
  if (fails("read", path_of(file), false)) return -1;
  return next<ssize_t (*)(int, void*, size_t, off_t)>("pread")(file, bytes, size, at);
}

DIR* fdopendir(int folder) {
  if (fails("list", path_of(folder), false)) return nullptr;
  return next<DIR* (*)(int)>("fdopendir")(folder);
}

int fsync(int file) {
  if (fails("sync", path_of(file))) return -1;
  return next<int (*)(int)>("fsync")(file);
}

int fdatasync(int file) {
  if (fails("sync", path_of(file))) return -1;
  return next<int (*)(int)>("fdatasync")(file);
}

int rename(const char* from, const char* to) {
  if (fails("rename", to)) return -1;
  return next<int (*)(const char*, const char*)>("rename")(from, to);
}

int renameat(int from_folder, const char* from, int to_folder, const char* to) {
  if (fails("rename", path_of(to_folder, to))) return -1;
  return next<int (*)(int, const char*, int, const char*)>("renameat")(from_folder, from, to_folder,
                                                                       to);
}

int renameat2(int from_folder, const char* from, int to_folder, const char* to,
              unsigned int flags) {
  if (fails("rename", path_of(to_folder, to))) return -1;
  return next<int (*)(int, const char*, int, const char*, unsigned int)>("renameat2")(
      from_folder, from, to_folder, to, flags);
}

int linkat(int from_folder, const char* from, int to_folder, const char* to, int flags) {
  if (fails("link", path_of(to_folder, to))) return -1;
  return next<int (*)(int, const char*, int, const char*, int)>("linkat")(from_folder, from,
                                                                          to_folder, to, flags);
}

int unlink(const char* path) {
  if (fails("unlink", path)) return -1;
  return next<int (*)(const char*)>("unlink")(path);
}

int unlinkat(int folder, const char* path, int flags) {
  if (fails("unlink", path_of(folder, path))) return -1;
  return next<int (*)(int, const char*, int)>("unlinkat")(folder, path, flags);
}
}

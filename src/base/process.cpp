// SPDX-License-Identifier: Apache-2.0
#include "base/process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <set>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

extern char** environ;

namespace stillpoint::base {
namespace fs = std::filesystem;
namespace {

Result<pid_t> spawn_shell(const std::string& command, int output) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);  // so that its children die with it
  std::string shell = "sh";
  std::string option = "-c";
  std::string text = command;
  std::array<char*, 4> arguments = {shell.data(), option.data(), text.data(), nullptr};
  pid_t child = 0;
  const int error =
      posix_spawn(&child, "/bin/sh", &actions, &attributes, arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return fail(system_error("run " + command, error));
  return child;
}

Result<std::string> read_until_end(const File& from, const Deadline& deadline,
                                   std::size_t bytes_max) {
  std::string text;
  std::array<char, 4096> buffer = {};
  for (;;) {
    if (!TRY(wait_readable(from, deadline))) {
      return fail(Errc::unavailable, "it did not end in time");
    }
    const ssize_t n = ::read(from.descriptor(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(system_error("read its output", errno));
    if (n == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(n));
    if (text.size() > bytes_max)
      return fail(Errc::invalid, "it prints more than {} bytes", bytes_max);
  }
}

std::string describe(const fs::path& process) {
  std::string name;
  std::ifstream(process / "comm") >> name;
  return process.filename().string() + " (" + name + ")";
}

}  // namespace

Result<std::string> run_command(const std::string& command, std::chrono::milliseconds time,
                                std::size_t bytes_max) {
  std::array<int, 2> ends = {};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(system_error("pipe", errno));
  const File reading(ends[0]);
  File writing(ends[1]);
  const pid_t child = TRY(spawn_shell(command, writing.descriptor()));
  writing.close();

  const Deadline deadline(time);
  Result<std::string> text = read_until_end(reading, deadline, bytes_max);
  if (!text) ::kill(-child, SIGKILL);
  const int status = wait_for_end(child);
  if (!text) return fail(std::move(text.error()).during("run the command"));
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return fail(Errc::invalid, "run the command: it failed with {} {}",
                WIFEXITED(status) ? "exit code" : "signal",
                WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
  }
  return text;
}

Result<std::vector<std::string>> openers_of(const std::string& path) {
  struct stat wanted = {};
  if (::stat(path.c_str(), &wanted) != 0) return fail(system_error("stat " + path, errno));
  std::set<std::string> found;
  const std::string own = std::to_string(::getpid());
  std::error_code error;
  for (const auto& process : fs::directory_iterator("/proc", error)) {
    const std::string name = process.path().filename().string();
    if (name == own || !std::all_of(name.begin(), name.end(), ::isdigit)) continue;
    std::error_code ignored;  // the process may end, or not be ours to see
    for (fs::directory_iterator fd(process.path() / "fd", ignored), end; !ignored && fd != end;
         fd.increment(ignored)) {
      struct stat info = {};
      if (::stat(fd->path().c_str(), &info) == 0 && info.st_dev == wanted.st_dev &&
          info.st_ino == wanted.st_ino) {
        found.insert(describe(process.path()));
      }
    }
  }
  return std::vector<std::string>(found.begin(), found.end());
}

int wait_for_end(pid_t process) {
  int status = 0;
  while (::waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

Result<bool> wait_readable(const File& file, const Deadline& deadline) {
  for (;;) {
    pollfd wait = {file.descriptor(), POLLIN, 0};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline.left()).count();
    const int ready = ::poll(&wait, 1, static_cast<int>(std::min<long long>(left, 3'600'000)));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return fail(system_error("poll", errno));
    if (deadline.passed()) return false;
  }
}

bool process_exists(pid_t pid) {
  return ::kill(pid, 0) == 0 || errno != ESRCH;
}

}  // namespace stillpoint::base

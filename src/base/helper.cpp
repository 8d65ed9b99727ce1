// SPDX-License-Identifier: Apache-2.0
#include "base/helper.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <iostream>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/process.h"

extern char** environ;

namespace stillpoint::base {
namespace {

constexpr std::string_view mark = "stillpoint-helper";
constexpr std::size_t line_bytes_max = 64 * 1024;

std::atomic<bool> can_be_helper = false;

// stdin, stdout and stderr of what is started, its session and its signals.
class Start {
 public:
  Start(int line, std::optional<int> handed) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawn_file_actions_adddup2(&actions_, line, STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions_, line, STDOUT_FILENO);
    if (handed) ::posix_spawn_file_actions_adddup2(&actions_, *handed, helper_handed);
    ::posix_spawn_file_actions_addopen(&actions_, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    ::posix_spawnattr_init(&attributes_);
    sigset_t signals;
    sigemptyset(&signals);
    ::posix_spawnattr_setsigmask(&attributes_, &signals);
    sigfillset(&signals);
    ::posix_spawnattr_setsigdefault(&attributes_, &signals);
    ::posix_spawnattr_setflags(&attributes_,
                               POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  Start(const Start&) = delete;
  Start& operator=(const Start&) = delete;
  ~Start() {
    ::posix_spawnattr_destroy(&attributes_);
    ::posix_spawn_file_actions_destroy(&actions_);
  }
  Result<pid_t> run(const char* program, std::vector<char*> arguments) const {
    arguments.push_back(nullptr);
    pid_t child = 0;
    const int error =
        ::posix_spawn(&child, program, &actions_, &attributes_, arguments.data(), environ);
    if (error != 0) return fail(system_error("start this program once more", error));
    return child;
  }

 private:
  posix_spawn_file_actions_t actions_ = {};
  posix_spawnattr_t attributes_ = {};
};

}  // namespace

bool Helper::available() {
  return can_be_helper;
}

Result<Helper> Helper::start(std::string_view role, const std::vector<std::string>& words,
                             std::optional<int> handed) {
  if (!available()) return fail(Errc::unsupported, "this program cannot be its own helper");
  std::array<int, 2> ends = {};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail(system_error("make a socket", errno));
  }
  File ours(ends[0]);
  const File theirs(ends[1]);
  std::vector<std::string> texts = {std::string(mark), std::string(role)};
  texts.insert(texts.end(), words.begin(), words.end());
  std::vector<char*> arguments;
  std::transform(texts.begin(), texts.end(), std::back_inserter(arguments),
                 [](std::string& text) { return text.data(); });
  const Start start(theirs.descriptor(), handed);
  const pid_t process = TRY(start.run("/proc/self/exe", std::move(arguments)));
  return Helper(process, std::move(ours));
}

Helper::Helper(Helper&& other) noexcept
    : process_(std::exchange(other.process_, 0)), line_(std::move(other.line_)) {}

Helper& Helper::operator=(Helper&& other) noexcept {
  std::swap(process_, other.process_);
  std::swap(line_, other.line_);
  return *this;
}

Helper::~Helper() {
  if (process_ == 0) return;
  ::kill(process_, SIGKILL);
  wait_for_end(process_);
}

void Helper::wait() {
  wait_for_end(std::exchange(process_, 0));
}

void Helper::set_free() {
  process_ = 0;
  line_ = LineReader(File());
}

Result<void> Helper::tell(std::string_view line) const {
  const std::string text = std::string(line) + '\n';
  const int to = line_.file().descriptor();
  const ssize_t sent = ::send(to, text.data(), text.size(), MSG_NOSIGNAL);
  if (sent == static_cast<ssize_t>(text.size())) return {};
  return fail(system_error("tell a helper", sent < 0 ? errno : EPIPE));
}

Result<std::string> Helper::hear(Deadline deadline) {
  return TRY_DURING("wait for a helper", line_.next(deadline));
}

Result<std::string> LineReader::next(Deadline deadline) {
  std::array<char, 4096> buffer = {};
  for (;;) {
    if (const std::size_t end = heard_.find('\n'); end != std::string::npos) {
      std::string line = heard_.substr(0, end);
      heard_.erase(0, end + 1);
      return line;
    }
    if (heard_.size() > line_bytes_max) return fail(Errc::internal, "a line is too long");
    if (!TRY(wait_readable(file_, deadline))) {
      return fail(Errc::unavailable, "it did not answer in time");
    }
    const ssize_t n = ::read(file_.descriptor(), buffer.data(), buffer.size());
    if (n < 0 && errno != EINTR) return fail(system_error("read its answer", errno));
    if (n == 0) return fail(Errc::unavailable, "it has ended");
    heard_.append(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  }
}

std::optional<HelperRole> helper_role(int argc, char** argv) {
  can_be_helper = true;
  if (argc < 2 || argv[0] != mark) return std::nullopt;
  return HelperRole{argv[1], {argv + 2, argv + argc}};
}

void helper_say(std::string_view line) {
  std::cout << line << '\n' << std::flush;
}

Result<std::string> helper_hear(Deadline deadline) {
  static LineReader input{File(STDIN_FILENO)};
  return input.next(deadline);
}

}  // namespace stillpoint::base

// SPDX-License-Identifier: Apache-2.0
#include "cli/window_command.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"

namespace stillpoint::cli {
namespace {

constexpr int step_milliseconds = 20;  // how soon a stop request is heard
constexpr std::chrono::seconds term_time{3};

// Between fork and exec: nothing that takes locks or memory.
[[noreturn]] void become(char* const* words, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  // A terminal's ^C reaches it with us; without one it gets a group, to be ended as a whole.
  if (::isatty(0) == 0) ::setpgid(0, 0);
  sigset_t none = {};
  ::sigemptyset(&none);
  ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::execvp(words[0], words);
  ::_exit(127);
}

int shell_code(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

Result<void> find_program(const std::string& name) {
  const auto runs = [](const std::string& path) { return ::access(path.c_str(), X_OK) == 0; };
  if (name.find('/') != std::string::npos) {
    if (runs(name)) return {};
  } else {
    const char* path = std::getenv("PATH");
    for (const std::string& folder : base::split(path == nullptr ? "" : path, ':')) {
      if (runs((folder.empty() ? "." : folder) + "/" + name)) return {};
    }
  }
  return fail(Error{Errc::not_found, "there is no program " + base::printable(name),
                    "check its name and the PATH; nobody was paused"});
}

Result<int> run_in_window(const std::vector<std::string>& words,
                          const std::vector<std::string>& variables, std::stop_token stop,
                          std::stop_token voided) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  for (const std::string& variable : variables) {
    const std::size_t equals = variable.find('=');
    ::setenv(variable.substr(0, equals).c_str(), variable.substr(equals + 1).c_str(), 1);
  }
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return fail(base::system_error("start " + words[0], errno));
  if (child == 0) become(arguments.data(), parent);
  const base::File ended(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  const auto send = [&](int signal) {
    if (::kill(-child, signal) != 0) ::kill(child, signal);
  };
  bool asked = false;
  base::Deadline kill_at = base::Deadline::never();
  for (;;) {
    int status = 0;
    const pid_t waited = ::waitpid(child, &status, WNOHANG);
    if (waited < 0 && errno != EINTR) return fail(base::system_error("wait", errno));
    if (waited == child) return shell_code(status);
    if (!asked && (stop.stop_requested() || voided.stop_requested())) {
      asked = true;
      send(SIGTERM);
      kill_at = base::Deadline(term_time);
    }
    if (asked && kill_at.passed()) send(SIGKILL);
    pollfd polled = {ended.descriptor(), POLLIN, 0};  // without a pidfd it is looked at every step
    ::poll(&polled, 1, step_milliseconds);
  }
}

}  // namespace stillpoint::cli

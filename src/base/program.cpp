// SPDX-License-Identifier: Apache-2.0
#include "base/program.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/process.h"

extern char** environ;

namespace stillpoint::base {
namespace {

constexpr std::size_t said_bytes_max = 16 * 1024;
constexpr std::size_t read_bytes = 256 * 1024;

// Everything that the child needs, made before the fork: between it and exec only calls are allowed
// that work in a process whose other threads have vanished.
struct Start {
  std::vector<std::string> variables;
  std::vector<char*> arguments;
  std::vector<char*> environment;
  int output = -1;
  int said = -1;
  int failed = -1;  // takes the error number when it cannot be started
  pid_t parent = 0;
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (std::string& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

std::vector<std::string> variables_for(const Program& program) {
  std::vector<std::string> variables;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    bool replaced = false;
    for (const auto& [name, value] : program.environment) {
      replaced = replaced || text.substr(0, text.find('=')) == name;
    }
    if (!replaced) variables.emplace_back(text);
  }
  for (const auto& [name, value] : program.environment) variables.push_back(name + "=" + value);
  return variables;
}

[[noreturn]] void become(const Start& start, const std::vector<int>& inherited) {
  const auto give_up = [&] {
    const int error = errno;
    (void)!::write(start.failed, &error, sizeof error);
    ::_exit(127);
  };
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != start.parent) ::_exit(127);  // it died before that held
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int number : {SIGPIPE, SIGINT, SIGTERM, SIGHUP}) ::signal(number, SIG_DFL);
  const int empty = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (empty < 0 || ::dup2(empty, STDIN_FILENO) < 0 || ::dup2(start.output, STDOUT_FILENO) < 0 ||
      ::dup2(start.said, STDERR_FILENO) < 0) {
    give_up();
  }
  for (const int descriptor : inherited) {
    if (::fcntl(descriptor, F_SETFD, 0) != 0) give_up();
  }
  ::execvpe(start.arguments[0], start.arguments.data(), start.environment.data());
  give_up();
  ::_exit(127);
}

struct Pipe {
  File reading;
  File writing;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends = {};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(system_error("pipe", errno));
  return Pipe{File(ends[0]), File(ends[1])};
}

// Kills it, and what it has started, unless wait() has seen its end.
class Child {
 public:
  explicit Child(pid_t id) : id_(id) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (id_ == 0) return;
    ::kill(-id_, SIGKILL);
    wait_for_end(id_);
  }
  // Its status once it has ended; it may have closed its output before.
  Result<int> wait(int stopped) {
    for (;;) {
      int status = 0;
      const pid_t ended = ::waitpid(id_, &status, WNOHANG);
      if (ended < 0 && errno != EINTR) return fail(system_error("wait for it", errno));
      if (ended == id_) {
        id_ = 0;
        return status;
      }
      pollfd wait = {stopped, POLLIN, 0};
      constexpr int milliseconds = 5;
      if (::poll(&wait, 1, milliseconds) > 0) return fail(Errc::cancelled, "stopped on request");
    }
  }

 private:
  pid_t id_;
};

Result<pid_t> start_child(const Program& program, const File& output, const File& said) {
  Pipe failed = TRY(make_pipe());
  std::vector<std::string> arguments = program.arguments;
  Start start;
  start.variables = variables_for(program);
  start.arguments = pointers(arguments);
  start.environment = pointers(start.variables);
  start.output = output.descriptor();
  start.said = said.descriptor();
  start.failed = failed.writing.descriptor();
  start.parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return fail(system_error("fork", errno));
  if (child == 0) become(start, program.descriptors);
  ::setpgid(child, child);  // the child does it too: whoever comes first
  failed.writing.close();
  int error = 0;
  ssize_t n = 0;
  while ((n = ::read(failed.reading.descriptor(), &error, sizeof error)) < 0 && errno == EINTR) {
  }
  if (n <= 0) return child;
  wait_for_end(child);
  return fail(
      system_error("start it", error).advise("install it, or see to it that it is found by PATH"));
}

// Reads what there is. False at the end.
Result<bool> read_some(const File& from, Bytes& buffer) {
  buffer.resize(read_bytes);
  const ssize_t n = ::read(from.descriptor(), buffer.data(), buffer.size());
  if (n < 0 && errno != EINTR && errno != EAGAIN)
    return fail(system_error("read its output", errno));
  buffer.resize(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  return n != 0;
}

// Hands on stdout and keeps the end of stderr, until both are closed.
Result<std::string> follow(File output, File said, int stopped, const OutputSink& sink) {
  std::string text;
  Bytes buffer;
  while (output.descriptor() >= 0 || said.descriptor() >= 0) {
    std::array<pollfd, 3> wait = {
        {{output.descriptor(), POLLIN, 0}, {said.descriptor(), POLLIN, 0}, {stopped, POLLIN, 0}}};
    if (::poll(wait.data(), wait.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return fail(system_error("poll", errno));
    }
    if (wait[2].revents != 0) return fail(Errc::cancelled, "stopped on request");
    if (wait[1].revents != 0) {
      if (!TRY(read_some(said, buffer))) said.close();
      text += text_of(buffer);
      if (text.size() > said_bytes_max) text.erase(0, text.size() - said_bytes_max);
    }
    if (wait[0].revents != 0) {
      if (!TRY(read_some(output, buffer))) output.close();
      if (!buffer.empty()) TRY(sink(buffer));
    }
  }
  return text;
}

std::string ending_of(int status, std::string said) {
  while (!said.empty() && (said.back() == '\n' || said.back() == ' ')) said.pop_back();
  std::string text = WIFEXITED(status)
                         ? fmt::format("it ended with exit code {}", WEXITSTATUS(status))
                         : fmt::format("it was killed by signal {}", WTERMSIG(status));
  if (!said.empty()) text += ": " + said;
  return text;
}

Result<std::string> run(const Program& program, const OutputSink& output, std::stop_token stop) {
  const File stopped(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (stopped.descriptor() < 0) return fail(system_error("eventfd", errno));
  const std::stop_callback wake(std::move(stop), [&] {
    const std::uint64_t one = 1;
    (void)!::write(stopped.descriptor(), &one, sizeof one);
  });
  Pipe out = TRY(make_pipe());
  Pipe said = TRY(make_pipe());
  Child child(TRY(start_child(program, out.writing, said.writing)));
  out.writing.close();
  said.writing.close();
  std::string text =
      TRY(follow(std::move(out.reading), std::move(said.reading), stopped.descriptor(), output));
  const int status = TRY(child.wait(stopped.descriptor()));
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return fail(Errc::unavailable, "{}", ending_of(status, std::move(text)));
  }
  return text;
}

}  // namespace

Result<std::string> run_program(const Program& program, const OutputSink& output,
                                std::stop_token stop) {
  if (program.arguments.empty()) return fail(Errc::internal, "run a program without a name");
  return TRY_DURING("run " + program.arguments[0], run(program, output, std::move(stop)));
}

Result<File> make_memory_file(std::string_view content) {
  File file(::memfd_create("stillpoint", MFD_CLOEXEC));
  if (file.descriptor() < 0) return fail(system_error("make a file in memory", errno));
  if (::fchmod(file.descriptor(), 0600) != 0) {
    return fail(system_error("protect a file in memory", errno));
  }
  TRY_DURING("fill a file in memory", file.write(view_of(content)));
  return file;
}

std::string memory_file_path(const File& file) {
  return fmt::format("/proc/self/fd/{}", file.descriptor());
}

}  // namespace stillpoint::base

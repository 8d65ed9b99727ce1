// SPDX-License-Identifier: Apache-2.0
#include "database/testing_server.h"

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/program.h"
#include "base/sha256.h"

namespace stillpoint::database::testing {
namespace fs = std::filesystem;
namespace {

constexpr std::chrono::seconds start_time{60};

}  // namespace

void give_up(const std::string& what) {
  std::fprintf(stderr, "a server for tests: %s\n", what.c_str());
  std::abort();
}

bool is_root() {
  return ::geteuid() == 0;
}

int free_port() {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    give_up("no free port");
  }
  ::close(listener);
  return ntohs(address.sin_port);
}

ServerProcess::ServerProcess(std::string name, std::string user, int end_signal)
    : name_(std::move(name)), user_(std::move(user)), end_signal_(end_signal) {
  folder_ = (fs::temp_directory_path() / ("stillpoint-" + name_ + "-XXXXXX")).string();
  if (::mkdtemp(folder_.data()) == nullptr) give_up("no temporary folder");
  if (is_root()) {
    const passwd* owner = ::getpwnam(user_.c_str());
    if (owner == nullptr || ::chown(folder_.c_str(), owner->pw_uid, owner->pw_gid) != 0) {
      give_up("root needs a user '" + user_ + "'");
    }
  }
  guard();
}

ServerProcess::~ServerProcess() {
  end(end_signal_);
  ::close(guard_pipe_);  // the guard removes the folder
  ::waitpid(guard_, nullptr, 0);
}

// A shell that waits for the end of its stdin, which we hold and which also closes when we die.
void ServerProcess::guard() {
  std::array<int, 2> ends = {};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) give_up("no pipe");
  guard_pipe_ = ends[1];
  const std::string script =
      "cat >/dev/null; pid=$(cat \"$1/process\" 2>/dev/null); "
      "[ -z \"$pid\" ] || kill -\"$2\" \"$pid\" 2>/dev/null; "
      "i=0; while [ -n \"$pid\" ] && kill -0 \"$pid\" 2>/dev/null && [ $i -lt 200 ]; do "
      "sleep 0.02; i=$((i+1)); done; "
      "i=0; while ! rm -rf \"$1\" 2>/dev/null && [ $i -lt 100 ]; do sleep 0.02; i=$((i+1)); done";
  const std::string signal = std::to_string(end_signal_);
  guard_ = ::fork();
  if (guard_ == 0) {
    ::setsid();  // what is typed at the terminal is not for it
    ::dup2(ends[0], STDIN_FILENO);
    ::execl("/bin/sh", "sh", "-c", script.c_str(), "sh", folder_.c_str(), signal.c_str(), nullptr);
    ::_exit(127);
  }
  ::close(ends[0]);
}

std::vector<std::string> ServerProcess::as_user(std::vector<std::string> arguments) const {
  if (!is_root()) return arguments;
  std::vector<std::string> all = {"setpriv", "--reuid", user_, "--regid", user_, "--clear-groups"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return all;
}

void ServerProcess::run(std::vector<std::string> arguments) const {
  std::string output;
  const auto ran = base::run_program({as_user(std::move(arguments)), {}, {}},
                                     [&](ByteView bytes) -> Result<void> {
                                       output += base::text_of(bytes);
                                       return {};
                                     },
                                     {});
  if (!ran) give_up(ran.error().message + "\n" + output);
}

void ServerProcess::copy(const std::string& from, const std::string& to) const {
  run({"cp", "-r", "--reflink=auto", "--preserve=mode,ownership", from, to});
}

void ServerProcess::make_or_copy(const std::string& place, const std::string& key,
                                 const std::function<void()>& make) const {
  const fs::path kept =
      fs::temp_directory_path() / fmt::format("stillpoint-kept-{}-{}-{}", name_, ::geteuid(),
                                              base::sha256(base::view_of(key)).brief());
  if (fs::exists(kept)) return copy(kept, place);
  make();
  const std::string fresh = folder_ + "/kept";
  copy(place, fresh);
  std::error_code taken;  // another test may have been faster
  fs::rename(fresh, kept, taken);
}

bool ServerProcess::spawn_and_wait(const std::vector<std::string>& arguments,
                                   const std::function<bool()>& ready) {
  std::vector<std::string> all = as_user(arguments);
  std::vector<char*> pointers;
  for (std::string& argument : all) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  const int log =
      ::open((folder_ + "/log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  process_ = ::fork();
  if (process_ == 0) {
    ::setsid();
    ::dup2(log, STDOUT_FILENO);
    ::dup2(log, STDERR_FILENO);
    ::execvp(pointers[0], pointers.data());
    ::_exit(127);
  }
  ::close(log);
  std::ofstream(folder_ + "/process") << process_;
  for (const base::Deadline deadline(start_time); !deadline.passed();) {
    if (ready()) return true;
    if (::waitpid(process_, nullptr, WNOHANG) == process_) {
      process_ = 0;
      fs::remove(folder_ + "/process");
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  give_up(name_ + " does not accept connections: " + log_text());
}

void ServerProcess::start(const std::vector<std::string>& arguments,
                          const std::function<bool()>& ready) {
  // After a crash, the last of its processes may still hold its memory for a moment.
  for (const base::Deadline deadline(start_time); !deadline.passed();) {
    if (spawn_and_wait(arguments, ready)) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  give_up(name_ + " does not start: " + log_text());
}

void ServerProcess::signal(int number) const {
  if (process_ != 0) ::kill(process_, number);
}

void ServerProcess::end(int number) {
  if (process_ == 0) return;
  ::kill(process_, number);
  ::waitpid(process_, nullptr, 0);
  process_ = 0;
  fs::remove(folder_ + "/process");
}

std::string ServerProcess::log_text() const {
  std::ifstream in(folder_ + "/log");
  return std::string(std::istreambuf_iterator<char>(in), {});
}

}  // namespace stillpoint::database::testing

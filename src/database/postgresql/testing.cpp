// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/testing.h"

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
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/program.h"
#include "base/sha256.h"

namespace stillpoint::database::postgresql::testing {
namespace fs = std::filesystem;
namespace {

constexpr std::chrono::seconds start_time{60};

[[noreturn]] void give_up(const std::string& what) {
  std::fprintf(stderr, "PostgreSQL for tests: %s\n", what.c_str());
  std::abort();
}

bool is_root() {
  return ::geteuid() == 0;
}

// In front of a program that may not run as root.
std::vector<std::string> as_postgres(std::vector<std::string> arguments) {
  if (!is_root()) return arguments;
  std::vector<std::string> all = {"setpriv", "--reuid",  "postgres",
                                  "--regid", "postgres", "--clear-groups"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return all;
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

std::string make_folder() {
  std::string name = (fs::temp_directory_path() / "stillpoint-pg-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) give_up("no temporary folder");
  if (is_root()) {
    const passwd* user = ::getpwnam("postgres");
    if (user == nullptr || ::chown(name.c_str(), user->pw_uid, user->pw_gid) != 0) {
      give_up("root needs a user 'postgres'");
    }
  }
  return name;
}

}  // namespace

std::string programs_folder() {
  int newest = 0;
  std::string found;
  std::error_code error;
  for (const auto& version : fs::directory_iterator("/usr/lib/postgresql", error)) {
    const int number = std::atoi(version.path().filename().c_str());
    if (number <= newest || !fs::exists(version.path() / "bin" / "initdb")) continue;
    newest = number;
    found = version.path() / "bin";
  }
  if (!found.empty()) return found;
  const char* path = std::getenv("PATH");
  std::string folder;
  for (const char* c = path == nullptr ? "" : path;; ++c) {
    if (*c != ':' && *c != '\0') {
      folder += *c;
      continue;
    }
    if (fs::exists(fs::path(folder) / "initdb")) return folder;
    if (*c == '\0') return {};
    folder.clear();
  }
}

Server::Server(const ServerOptions& options)
    : programs_(options.programs.empty() ? programs_folder() : options.programs),
      folder_(make_folder()),
      port_(free_port()) {
  if (programs_.empty()) give_up("initdb is not installed (Debian: postgresql-15)");
  guard();
  if (options.standby_of != nullptr) {
    copy_primary(*options.standby_of);
  } else {
    make_cluster(options);
  }
  configure(options);
  start();
}

Server::~Server() {
  ::close(guard_pipe_);  // the guard stops the server and removes its folder
  ::waitpid(guard_, nullptr, 0);
  if (process_ != 0) ::waitpid(process_, nullptr, 0);
}

// A shell that waits for the end of its stdin, which we hold and which also closes when we die.
void Server::guard() {
  std::array<int, 2> ends = {};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) give_up("no pipe");
  guard_pipe_ = ends[1];
  const std::string script =
      "cat >/dev/null; pid=$(head -n1 \"$1/data/postmaster.pid\" 2>/dev/null); "
      "[ -z \"$pid\" ] || kill -QUIT \"$pid\" 2>/dev/null; "
      "i=0; while [ -n \"$pid\" ] && [ -e \"$1/data/postmaster.pid\" ] && [ $i -lt 200 ]; do "
      "sleep 0.02; i=$((i+1)); done; rm -rf \"$1\"";
  guard_ = ::fork();
  if (guard_ == 0) {
    ::setsid();  // what is typed at the terminal is not for it
    ::dup2(ends[0], STDIN_FILENO);
    ::execl("/bin/sh", "sh", "-c", script.c_str(), "sh", folder_.c_str(), nullptr);
    ::_exit(127);
  }
  ::close(ends[0]);
}

void Server::run_program(std::vector<std::string> arguments) const {
  const auto ran = base::run_program({as_postgres(std::move(arguments)), {}, {}},
                                     [](ByteView) -> Result<void> { return {}; }, {});
  if (!ran) give_up(ran.error().message);
}

// initdb takes a second or more, and every test is a process of its own: what it makes is kept for
// the others, under a name that tells its options.
void Server::make_cluster(const ServerOptions& options) {
  std::string words = programs_ + options.locale + options.encoding;
  for (const std::string& word : options.initdb) words += " " + word;
  const Id key = base::sha256(base::view_of(words));
  const fs::path kept =
      fs::temp_directory_path() / fmt::format("stillpoint-initdb-{}-{}", ::geteuid(), key.brief());
  if (!fs::exists(kept)) {
    init_cluster(options, data_folder());
    const std::string fresh = folder_ + "/kept";
    copy_cluster(data_folder(), fresh);
    std::error_code taken;  // another test may have been faster
    fs::rename(fresh, kept, taken);
    return;
  }
  copy_cluster(kept, data_folder());
}

void Server::copy_cluster(const std::string& from, const std::string& to) const {
  run_program({"cp", "-r", "--reflink=auto", "--preserve=mode,ownership", from, to});
}

void Server::init_cluster(const ServerOptions& options, const std::string& folder) const {
  std::vector<std::string> arguments = {programs_ + "/initdb",
                                        "--pgdata=" + folder,
                                        "--username=postgres",
                                        "--auth=trust",
                                        "--no-sync",
                                        "--locale=" + options.locale,
                                        "--encoding=" + options.encoding};
  arguments.insert(arguments.end(), options.initdb.begin(), options.initdb.end());
  run_program(std::move(arguments));
}

void Server::copy_primary(const Server& primary) {
  run_program({programs_ + "/pg_basebackup", "--pgdata=" + data_folder(), "--no-sync",
               "--checkpoint=fast", "--wal-method=stream", "--write-recovery-conf",
               "--dbname=" + primary.url()});
}

void Server::configure(const ServerOptions& options) {
  std::ofstream configuration(data_folder() + "/postgresql.conf", std::ios::app);
  configuration << "\nlisten_addresses = '127.0.0.1'\nport = " << port_
                << "\nunix_socket_directories = '" << folder_ << "'\n"
                << "fsync = off\nautovacuum = off\nlogging_collector = off\n"
                << "max_wal_size = 4GB\nwal_keep_size = 64MB\n";
  for (const std::string& line : options.configuration) configuration << line << '\n';
  std::ofstream access(data_folder() + "/pg_hba.conf");
  for (const std::string& line : options.access) access << line << '\n';
  access << "local all all trust\nhost all all 127.0.0.1/32 trust\n"
         << "host replication all 127.0.0.1/32 trust\n";
}

bool Server::spawn_and_wait() {
  std::vector<std::string> arguments = as_postgres({programs_ + "/postgres", "-D", data_folder()});
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
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
  for (const base::Deadline deadline(start_time); !deadline.passed();) {
    if (Connection::connect(address())) return true;
    if (::waitpid(process_, nullptr, WNOHANG) == process_) {
      process_ = 0;
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  give_up("it does not accept connections: " + log_text());
}

void Server::start() {
  // After a crash, the last of its processes may still hold its memory for a moment.
  for (const base::Deadline deadline(start_time); !deadline.passed();) {
    if (spawn_and_wait()) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  give_up("it does not start: " + log_text());
}

void Server::stop() {
  if (process_ == 0) return;
  ::kill(process_, SIGINT);
  ::waitpid(process_, nullptr, 0);
  process_ = 0;
}

void Server::kill() {
  if (process_ == 0) return;
  ::kill(process_, SIGKILL);
  ::waitpid(process_, nullptr, 0);
  process_ = 0;
}

std::string Server::log_text() const {
  std::ifstream in(folder_ + "/log");
  return std::string(std::istreambuf_iterator<char>(in), {});
}

Connection Server::session(const std::string& database, const std::string& user) const {
  auto connection = Connection::connect(address(database, user));
  if (!connection) give_up(connection.error().message);
  return std::move(*connection);
}

void Server::run(const std::string& sql, const std::string& database) const {
  const auto ran = session(database).execute(sql);
  EXPECT_TRUE(ran) << ran.error().message << " in: " << sql.substr(0, 500);
}

std::string Server::value(const std::string& sql, const std::string& database) const {
  const auto found = session(database).value(sql);
  return found ? *found : "error: " + found.error().message;
}

std::string Server::url(const std::string& database, const std::string& user,
                        const std::string& password) const {
  return "postgresql://" + base::percent_encode(user) +
         (password.empty() ? "" : ":" + base::percent_encode(password)) +
         "@127.0.0.1:" + std::to_string(port_) + "/" + base::percent_encode(database);
}

std::string Server::socket_url(const std::string& database, const std::string& user) const {
  return "postgresql://" + base::percent_encode(user) + "@/" + base::percent_encode(database) +
         "?host=" + base::percent_encode(folder_) + "&port=" + std::to_string(port_);
}

}  // namespace stillpoint::database::postgresql::testing

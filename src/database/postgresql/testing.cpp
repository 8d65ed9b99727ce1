// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/testing.h"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "base/encoding.h"
#include "base/text.h"

namespace stillpoint::database::postgresql::testing {
namespace fs = std::filesystem;
using database::testing::give_up;

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
      process_("postgresql", "postgres", SIGQUIT),
      port_(database::testing::free_port()) {
  if (programs_.empty()) give_up("initdb is not installed (Debian: postgresql-15)");
  if (options.standby_of != nullptr) {
    copy_primary(*options.standby_of);
  } else {
    make_cluster(options);
  }
  configure(options);
  start();
}

void Server::make_cluster(const ServerOptions& options) const {
  std::vector<std::string> arguments = {programs_ + "/initdb",
                                        "--pgdata=" + data_folder(),
                                        "--username=postgres",
                                        "--auth=trust",
                                        "--no-sync",
                                        "--locale=" + options.locale,
                                        "--encoding=" + options.encoding};
  arguments.insert(arguments.end(), options.initdb.begin(), options.initdb.end());
  std::vector<std::string> words = arguments;
  words[1] = {};  // differs each time
  process_.make_or_copy(data_folder(), base::join(words, " "),
                        [&] { process_.run(std::move(arguments)); });
}

void Server::copy_primary(const Server& primary) const {
  process_.run({programs_ + "/pg_basebackup", "--pgdata=" + data_folder(), "--no-sync",
                "--checkpoint=fast", "--wal-method=stream", "--write-recovery-conf",
                "--dbname=" + primary.url()});
}

void Server::configure(const ServerOptions& options) const {
  std::ofstream configuration(data_folder() + "/postgresql.conf", std::ios::app);
  configuration << "\nlisten_addresses = '127.0.0.1'\nport = " << port_
                << "\nunix_socket_directories = '" << folder() << "'\n"
                << "fsync = off\nautovacuum = off\nlogging_collector = off\n"
                << "max_wal_size = 4GB\nwal_keep_size = 64MB\n";
  for (const std::string& line : options.configuration) configuration << line << '\n';
  std::ofstream access(data_folder() + "/pg_hba.conf");
  for (const std::string& line : options.access) access << line << '\n';
  access << "local all all trust\nhost all all 127.0.0.1/32 trust\n"
         << "host replication all 127.0.0.1/32 trust\n";
}

void Server::start() {
  process_.start({programs_ + "/postgres", "-D", data_folder()},
                 [&] { return Connection::connect(address()).has_value(); });
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
         "?host=" + base::percent_encode(folder()) + "&port=" + std::to_string(port_);
}

}  // namespace stillpoint::database::postgresql::testing

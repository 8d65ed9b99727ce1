// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/testing.h"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "base/encoding.h"
#include "base/text.h"

namespace stillpoint::database::mysql::testing {
namespace fs = std::filesystem;
using database::testing::give_up;
using database::testing::is_root;
namespace {

std::string mysqld_named() {
  const char* named = std::getenv("STILLPOINT_TEST_MYSQLD");
  return named == nullptr ? "" : named;
}

std::string find_program() {
  if (!mysqld_named().empty()) return mysqld_named();
  for (const char* place :
       {"/usr/sbin/mariadbd", "/usr/libexec/mariadbd", "/usr/local/sbin/mariadbd",
        "/usr/bin/mariadbd", "/usr/local/bin/mariadbd"}) {
    if (fs::exists(place)) return place;
  }
  give_up("mariadbd is not installed (Debian: mariadb-server)");
}

// Files that no test needs to outlive a power cut.
std::vector<std::string> careless() {
  std::vector<std::string> all = {"--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0"};
  if (is_mysql()) return all;
  for (const char* one : {"--innodb-flush-method=nosync", "--debug-no-sync", "--sync-frm=0",
                          "--innodb-log-file-size=4M"}) {
    all.emplace_back(one);
  }
  return all;
}

}  // namespace

bool is_mysql() {
  return !mysqld_named().empty();
}

Server::Server(ServerOptions options)
    : options_(std::move(options)),
      process_("mysql", "mysql", SIGKILL),
      program_(find_program()),
      port_(database::testing::free_port()) {
  make_data();
  start();
}

void Server::make_data() const {
  std::vector<std::string> arguments = {program_, "--no-defaults", "--initialize-insecure"};
  if (!is_mysql()) {
    arguments = {"mariadb-install-db", "--no-defaults", "--auth-root-authentication-method=normal",
                 "--skip-test-db", "--skip-name-resolve"};
  }
  for (const std::string& argument : careless()) arguments.push_back(argument);
  const std::string key = base::join(arguments, " ");
  const std::string data = folder() + "/data";
  arguments.push_back("--datadir=" + data);
  arguments.push_back("--tmpdir=" + folder());
  process_.make_or_copy(data, key, [&] { process_.run(std::move(arguments)); });
  fs::remove(data +
             "/auto.cnf");  // the name that a MySQL server gives itself: no two have the same
  std::ofstream(folder() + "/init.sql")
      << "CREATE USER IF NOT EXISTS root@'127.0.0.1';\n"
         "GRANT ALL PRIVILEGES ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;\n";
}

void Server::start() {
  std::vector<std::string> arguments = {program_,
                                        "--no-defaults",
                                        "--datadir=" + folder() + "/data",
                                        "--tmpdir=" + folder(),
                                        "--socket=" + socket(),
                                        "--port=" + std::to_string(port_),
                                        "--bind-address=127.0.0.1",
                                        "--pid-file=" + folder() + "/pid",
                                        "--init-file=" + folder() + "/init.sql",
                                        "--skip-name-resolve",
                                        "--server-id=1",
                                        "--innodb-buffer-pool-size=64M",
                                        "--local-infile=1",
                                        "--character-set-server=utf8mb4"};
  for (const std::string& argument : careless()) arguments.push_back(argument);
  if (is_mysql()) {
    arguments.emplace_back("--mysqlx=OFF");
    arguments.emplace_back("--cte-max-recursion-depth=1000000");
  }
  if (options_.binary_log) {
    arguments.push_back("--log-bin=" + folder() + "/data/binlog");
  } else if (is_mysql()) {
    arguments.emplace_back("--skip-log-bin");
  }
  for (const std::string& argument : options_.arguments) arguments.push_back(argument);
  process_.start(arguments, [&] { return Connection::connect(address()).has_value(); });
}

Connection Server::session(const std::string& user) const {
  auto connection = Connection::connect(address("", user));
  if (!connection) give_up(connection.error().message);
  return std::move(*connection);
}

void Server::run(const std::string& sql) const {
  const auto ran = session().execute(sql);
  EXPECT_TRUE(ran) << ran.error().message << " in: " << sql.substr(0, 500);
}

std::string Server::value(const std::string& sql) const {
  const auto found = session().value(sql);
  return found ? *found : "error: " + found.error().message;
}

std::string Server::url(const std::string& schema, const std::string& user,
                        const std::string& password, const std::string& rest) const {
  return "mysql://" + base::percent_encode(user) +
         (password.empty() ? "" : ":" + base::percent_encode(password)) +
         "@127.0.0.1:" + std::to_string(port_) +
         (schema.empty() ? "" : "/" + base::percent_encode(schema)) + rest;
}

std::string Server::socket_url(const std::string& schema, const std::string& user) const {
  return "mysql://" + base::percent_encode(user) + "@/" + base::percent_encode(schema) +
         "?socket=" + base::percent_encode(socket());
}

}  // namespace stillpoint::database::mysql::testing

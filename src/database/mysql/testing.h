// SPDX-License-Identifier: Apache-2.0
// A MariaDB or MySQL server for tests: its own folder, port and socket; stopped and removed with
// the test, also when the test is killed. It is the installed mariadbd, or the MySQL server that
// STILLPOINT_TEST_MYSQLD names. For root it runs as the user "mysql".
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "database/address.h"
#include "database/mysql/session/connection.h"
#include "database/testing_server.h"

namespace stillpoint::database::mysql::testing {

// Whether the tests run against MySQL, not MariaDB.
bool is_mysql();

struct ServerOptions {
  bool binary_log = true;
  std::vector<std::string> arguments = {};  // of the server
};

// A failure to start ends the program with the server's log: nothing can be tested then.
class Server {
 public:
  explicit Server(ServerOptions options = {});

  // As "root", who may do everything. A failure fails the test. Several statements may stand in
  // `sql`, none with semicolons in it.
  void run(const std::string& sql) const;
  // The first value that it gives; "error: …" where it fails.
  std::string value(const std::string& sql) const;
  Connection session(const std::string& user = "root") const;

  // Over TCP, or over the socket. `rest` begins with ? or is empty.
  std::string url(const std::string& schema = "", const std::string& user = "root",
                  const std::string& password = "", const std::string& rest = "") const;
  std::string socket_url(const std::string& schema = "", const std::string& user = "root") const;
  Address address(const std::string& schema = "", const std::string& user = "root") const {
    return Address{url(schema, user), {}, {}};
  }

  void start();  // and waits until it accepts connections
  void stop() { process_.end(15); }
  void restart() {
    stop();
    start();
  }
  void kill() { process_.end(9); }  // like a crash
  const std::string& folder() const { return process_.folder(); }
  std::string socket() const { return folder() + "/socket"; }
  int port() const { return port_; }
  std::string log_text() const { return process_.log_text(); }

 private:
  void make_data() const;

  ServerOptions options_;
  database::testing::ServerProcess process_;
  std::string program_;
  int port_ = 0;
};

}  // namespace stillpoint::database::mysql::testing

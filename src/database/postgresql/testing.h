// SPDX-License-Identifier: Apache-2.0
// A PostgreSQL server for tests: its own folder, port and socket; stopped and removed with the
// test, also when the test is killed. PostgreSQL does not run as root: for root it runs as the
// user "postgres".
#pragma once

#include <csignal>
#include <string>
#include <vector>

#include "database/address.h"
#include "database/postgresql/session/connection.h"
#include "database/testing_server.h"

namespace stillpoint::database::postgresql::testing {

class Server;

struct ServerOptions {
  std::string encoding = "UTF8";
  std::string locale = "C";
  std::vector<std::string> configuration = {};  // lines of postgresql.conf
  std::vector<std::string> access = {};         // lines of pg_hba.conf, before "all are trusted"
  std::vector<std::string> initdb = {};         // its further options
  const Server* standby_of = nullptr;           // a streaming standby of that one
  std::string programs = {};                    // folder of its programs; empty: found
};

// The folder with initdb and postgres, of the newest version that is installed; empty without any.
std::string programs_folder();

// A failure to start ends the program with the server's log: nothing can be tested then.
class Server {
 public:
  explicit Server(const ServerOptions& options = {});

  // As the superuser "postgres". A failure fails the test.
  void run(const std::string& sql, const std::string& database = "postgres") const;
  // The first value that it gives; "error: …" where it fails.
  std::string value(const std::string& sql, const std::string& database = "postgres") const;
  Connection session(const std::string& database = "postgres",
                     const std::string& user = "postgres") const;

  // Over TCP, or over the socket.
  std::string url(const std::string& database = "postgres", const std::string& user = "postgres",
                  const std::string& password = "") const;
  std::string socket_url(const std::string& database = "postgres",
                         const std::string& user = "postgres") const;
  Address address(const std::string& database = "postgres",
                  const std::string& user = "postgres") const {
    return Address{url(database, user), {}, {}};
  }

  void start();                          // and waits until it accepts connections
  void stop() { process_.end(SIGINT); }  // ends all sessions
  void restart() {
    stop();
    start();
  }
  void kill() { process_.end(SIGKILL); }  // like a crash
  bool running() const { return process_.running(); }

  const std::string& folder() const { return process_.folder(); }
  std::string data_folder() const { return folder() + "/data"; }
  int port() const { return port_; }
  std::string log_text() const { return process_.log_text(); }

 private:
  void make_cluster(const ServerOptions& options) const;
  void copy_primary(const Server& primary) const;
  void configure(const ServerOptions& options) const;

  std::string programs_;
  database::testing::ServerProcess process_;
  int port_ = 0;
};

}  // namespace stillpoint::database::postgresql::testing

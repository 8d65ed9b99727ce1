// SPDX-License-Identifier: Apache-2.0
// A PostgreSQL server for tests: its own folder, port and socket; stopped and removed with the
// test, also when the test is killed. PostgreSQL does not run as root: for root it runs as the
// user "postgres".
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

#include "database/address.h"
#include "database/postgresql/session/connection.h"

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
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

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

  void start();  // and waits until it accepts connections
  void stop();   // ends all sessions
  void restart() {
    stop();
    start();
  }
  void kill();  // SIGKILL, like a crash
  bool running() const { return process_ != 0; }

  const std::string& folder() const { return folder_; }
  std::string data_folder() const { return folder_ + "/data"; }
  int port() const { return port_; }
  std::string log_text() const;

 private:
  void make_cluster(const ServerOptions& options);
  void init_cluster(const ServerOptions& options, const std::string& folder) const;
  void copy_cluster(const std::string& from, const std::string& to) const;
  void copy_primary(const Server& primary);
  void configure(const ServerOptions& options);
  void guard();
  void run_program(std::vector<std::string> arguments) const;
  bool spawn_and_wait();

  std::string programs_;
  std::string folder_;
  int port_ = 0;
  pid_t process_ = 0;
  int guard_pipe_ = -1;  // the guard cleans up when it closes
  pid_t guard_ = 0;
};

}  // namespace stillpoint::database::postgresql::testing

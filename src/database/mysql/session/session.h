// SPDX-License-Identifier: Apache-2.0
// The wire under a Connection: libmariadb's non-blocking interface, with stop requests and
// deadlines, and what is to be done with a statement that is given up.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/result.h"
#include "base/secret.h"
#include "database/mysql/session/location.h"

struct st_mysql;
struct st_mysql_res;

namespace stillpoint::database::mysql {

struct HandleClose {
  void operator()(st_mysql* handle) const;
};
struct ResultFree {
  void operator()(st_mysql_res* result) const;
};
using ServerResult = std::unique_ptr<st_mysql_res, ResultFree>;

// Where to and as whom; enough to connect again.
struct Login {
  Location location = {};  // its password is not used
  std::string user = {};
  std::shared_ptr<const base::Secret> password = {};
};

class Session {
 public:
  static Result<std::unique_ptr<Session>> make();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Result<void> connect(const Login& login, const base::Deadline& limit);
  void obey(std::stop_token stop);
  // Whether there is a reason to give up what runs.
  Result<void> interrupted();
  // The same without a look at the clock.
  bool stop_requested() const { return stop_.stop_requested(); }

  // A statement (or several): send() does not wait for the answer; answer() does, for the first
  // result; then take its rows by one of two ways; next() is whether there is another result.
  Result<void> send(const std::string& sql);
  Result<void> answer();
  bool has_rows() const;
  Result<ServerResult> store();  // all of it into memory
  Result<void> stream();         // or row by row, by fetch() until it returns null
  Result<char**> fetch();
  st_mysql_res* streamed() const { return streaming_.get(); }
  Result<bool> next();
  // Throws away what is left of the statement.
  Result<void> finish();
  // What a LOAD DATA LOCAL gets instead of a file, until the next statement is sent. No server gets
  // anything else of this machine, whatever file it asks for.
  void offer(ByteView bytes) { offered_ = bytes; }
  // What the statement told besides its outcome: "Records: 3  Deleted: 0 …".
  std::string info() const;
  unsigned warnings() const;
  // Where a statement still runs: cancels it on the server and throws away what is left of it. The
  // session can be used again, unless that takes too long.
  void abandon();

  bool usable() const { return handle_ != nullptr && !broken_; }
  st_mysql* handle() const { return handle_.get(); }
  unsigned last_number() const { return last_number_; }

  std::optional<base::Deadline> deadline;
  std::optional<base::Duration> each_max;  // from a statement's sending on: its deadline

 private:
  Session() = default;
  Result<void> wait(int status);
  // Runs an operation to its end; what it leaves behind stands in the members below.
  Result<void> run(int status, std::function<int(int)> go_on);
  Result<void> connect_once(const Login& login, bool with_tls);
  Error failure();
  void answer_requests_for_files();
  Result<void> kill_on_server();
  Result<void> drain();

  std::unique_ptr<st_mysql, HandleClose> handle_;
  Login login_;
  ByteView offered_;
  bool broken_ = false;
  bool active_ = false;              // a statement runs
  std::function<int(int)> pending_;  // an operation that waits for the socket
  int pending_status_ = 0;
  int outcome_ = 0;
  st_mysql* connected_ = nullptr;
  st_mysql_res* result_ = nullptr;
  char** row_ = nullptr;
  ServerResult streaming_;  // kept when given up: to free it is to read it to its end
  unsigned last_number_ = 0;
  base::File wake_;  // an eventfd: a stop request makes it readable
  std::stop_token stop_;
  std::unique_ptr<std::stop_callback<std::function<void()>>> on_stop_;
  std::optional<base::Deadline> draining_;  // while an abandoned statement ends
};

}  // namespace stillpoint::database::mysql

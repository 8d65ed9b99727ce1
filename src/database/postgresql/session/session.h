// SPDX-License-Identifier: Apache-2.0
// The wire under a Connection: waiting on the socket with stop requests and deadlines, and what is
// to be done with a statement that is given up.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "base/file.h"
#include "base/result.h"

struct pg_conn;
struct pg_result;

namespace stillpoint::database::postgresql {

struct ConnectionFree {
  void operator()(pg_conn* connection) const;
};
struct ResultFree {
  void operator()(pg_result* result) const;
};
using ServerResult = std::unique_ptr<pg_result, ResultFree>;

class Session {
 public:
  static Result<std::unique_ptr<Session>> make();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void obey(std::stop_token stop);
  // Fails with `cancelled` or `busy` where there is no time left, else readies for a statement.
  Result<void> begin();
  // Until the socket is ready for `events` of poll(2).
  Result<void> wait(short events);
  // Whether there is a reason to give up what runs; cheap.
  Result<void> interrupted();
  Result<void> flush();
  // The next result of the statement that runs; null after the last one.
  Result<ServerResult> next_result();
  // Throws away what is left of the statement, and returns the first error in it.
  Result<void> finish();
  // Where a statement still runs: cancels it on the server and throws away what is left of it. The
  // session can be used again, unless that takes too long.
  void abandon();
  Error error_of(const pg_result* result);
  // The same, of a statement that ends with it.
  Error failure(const pg_result* result);
  Error lost();

  std::unique_ptr<pg_conn, ConnectionFree> handle;
  std::optional<base::Deadline> deadline;
  std::string last_state;
  std::string encoding;

 private:
  Session() = default;
  void cancel_on_server();
  Result<void> drain();

  base::File wake_;  // an eventfd: a stop request makes it readable
  std::stop_token stop_;
  std::unique_ptr<std::stop_callback<std::function<void()>>> on_stop_;
  std::optional<base::Deadline> draining_;  // while an abandoned statement ends
};

}  // namespace stillpoint::database::postgresql

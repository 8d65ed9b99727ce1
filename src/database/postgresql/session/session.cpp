// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/session/session.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include <libpq-fe.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "database/postgresql/session/server_error.h"

namespace stillpoint::database::postgresql {
namespace {

// How long a server may take to let go of a statement that was cancelled.
constexpr std::chrono::seconds abandon_time{5};

Error stopped() {
  return {Errc::cancelled, "stopped on request", {}};
}

Error late() {
  return {Errc::busy, "it was not done within the time allowed", "run the same command again"};
}

int milliseconds_left(const base::Deadline& deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline.left()).count();
  return static_cast<int>(std::min<long long>(left, 3'600'000));
}

}  // namespace

void ConnectionFree::operator()(pg_conn* connection) const {
  PQfinish(connection);
}

void ResultFree::operator()(pg_result* result) const {
  PQclear(result);
}

Result<std::unique_ptr<Session>> Session::make() {
  std::unique_ptr<Session> session(new Session());
  session->wake_ = base::File(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (session->wake_.descriptor() < 0) return fail(base::system_error("eventfd", errno));
  return session;
}

void Session::obey(std::stop_token stop) {
  on_stop_.reset();
  std::uint64_t earlier = 0;  // of another token
  (void)!::read(wake_.descriptor(), &earlier, sizeof earlier);
  stop_ = std::move(stop);
  on_stop_ = std::make_unique<std::stop_callback<std::function<void()>>>(stop_, [this] {
    const std::uint64_t one = 1;
    (void)!::write(wake_.descriptor(), &one, sizeof one);
  });
}

Result<void> Session::interrupted() {
  if (draining_) return {};
  if (stop_.stop_requested()) return fail(stopped());
  if (deadline && deadline->passed()) return fail(late());
  return {};
}

Result<void> Session::begin() {
  TRY(interrupted());
  if (!handle || PQstatus(handle.get()) != CONNECTION_OK) return fail(lost());
  last_state.clear();
  return {};
}

Result<void> Session::wait(short events) {
  for (;;) {
    TRY(interrupted());
    const std::optional<base::Deadline>& limit = draining_ ? draining_ : deadline;
    if (limit && limit->passed()) return fail(late());
    // While a statement is drained, its stop request has been seen already.
    std::array<pollfd, 2> ready = {
        {{PQsocket(handle.get()), events, 0}, {draining_ ? -1 : wake_.descriptor(), POLLIN, 0}}};
    const int found = ::poll(ready.data(), ready.size(), limit ? milliseconds_left(*limit) : -1);
    if (found < 0 && errno != EINTR) return fail(base::system_error("poll", errno));
    if (found > 0 && ready[0].revents != 0) return {};
  }
}

Result<void> Session::flush() {
  for (;;) {
    const int left = PQflush(handle.get());
    if (left == 0) return {};
    if (left < 0) return fail(lost());
    // The server may have something to say before it reads on.
    TRY(wait(POLLIN | POLLOUT));
    if (PQconsumeInput(handle.get()) == 0) return fail(lost());
  }
}

Result<ServerResult> Session::next_result() {
  TRY(flush());
  while (PQisBusy(handle.get()) != 0) {
    TRY(wait(POLLIN));
    // A server that ends the session says why, before the connection is gone.
    const bool alive = PQconsumeInput(handle.get()) != 0;
    if (!alive && PQisBusy(handle.get()) != 0) return fail(lost());
  }
  return ServerResult(PQgetResult(handle.get()));
}

Error Session::error_of(const pg_result* result) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  if (state == nullptr) return lost();
  last_state = state;
  return error_of_result(result);
}

Error Session::failure(const pg_result* result) {
  Error error = error_of(result);
  (void)finish();
  return error;
}

Error Session::lost() {
  return error_of_loss(handle ? PQerrorMessage(handle.get()) : "");
}

Result<void> Session::finish() {
  Result<void> outcome;
  for (;;) {
    Result<ServerResult> next = next_result();
    if (!next && !outcome) return outcome;  // why the session ended, not that it has
    if (!next) return fail(std::move(next.error()));
    const ServerResult result = std::move(*next);
    if (!result) break;
    switch (PQresultStatus(result.get())) {
      case PGRES_FATAL_ERROR:
      case PGRES_BAD_RESPONSE:
        if (outcome) outcome = fail(error_of(result.get()));
        break;
      case PGRES_COPY_IN:
      case PGRES_COPY_OUT:
      case PGRES_COPY_BOTH:
        return fail(Errc::internal, "a COPY where none was expected");
      default:
        break;
    }
  }
  return outcome;
}

// On a thread of its own: libpq connects to the server anew for it and waits without a limit.
void Session::cancel_on_server() {
  struct Request {
    std::mutex mutex;
    std::condition_variable done_changed;
    bool done = false;
  };
  PGcancel* cancel = PQgetCancel(handle.get());
  if (cancel == nullptr) return;
  const auto request = std::make_shared<Request>();
  std::thread([cancel, request] {
    std::array<char, 256> message = {};
    PQcancel(cancel, message.data(), static_cast<int>(message.size()));
    PQfreeCancel(cancel);
    const std::lock_guard lock(request->mutex);
    request->done = true;
    request->done_changed.notify_all();
  }).detach();
  std::unique_lock lock(request->mutex);
  const bool done =
      request->done_changed.wait_for(lock, abandon_time, [&] { return request->done; });
  // One that arrives later would hit another statement.
  if (!done) handle.reset();
}

Result<void> Session::drain() {
  for (;;) {
    const ServerResult result = TRY(next_result());
    if (!result) return {};
    const auto status = PQresultStatus(result.get());
    if (status == PGRES_COPY_IN) {
      // A server that waits for rows notices nothing but their end.
      if (PQputCopyEnd(handle.get(), "given up") < 0) return fail(lost());
    }
    if (status != PGRES_COPY_OUT) continue;
    char* row = nullptr;
    for (int size = 0; (size = PQgetCopyData(handle.get(), &row, 1)) >= 0;) {
      PQfreemem(row);
      row = nullptr;
      if (draining_->passed()) return fail(late());
      if (size > 0) continue;
      TRY(wait(POLLIN));
      if (PQconsumeInput(handle.get()) == 0) return fail(lost());
    }
  }
}

void Session::abandon() {
  if (!handle || PQtransactionStatus(handle.get()) != PQTRANS_ACTIVE) return;
  draining_ = base::Deadline(abandon_time);
  cancel_on_server();
  const bool in_order = handle && drain();
  draining_.reset();
  if (!in_order) handle.reset();
}

}  // namespace stillpoint::database::postgresql

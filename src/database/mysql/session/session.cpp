// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/session/session.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <mysql.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "database/mysql/session/server_error.h"

namespace stillpoint::database::mysql {
namespace {

// How long a server may take to let go of a statement that was cancelled.
constexpr std::chrono::seconds abandon_time{5};
constexpr unsigned no_tls = 2026;
constexpr std::size_t packet_max = std::size_t{1} << 30;

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

const char* or_null(const std::string& text) {
  return text.empty() ? nullptr : text.c_str();
}

}  // namespace

void HandleClose::operator()(st_mysql* handle) const {
  mysql_close(handle);
}

void ResultFree::operator()(st_mysql_res* result) const {
  mysql_free_result(result);
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

Result<void> Session::wait(int status) {
  short events = 0;
  if ((status & MYSQL_WAIT_READ) != 0) events |= POLLIN;
  if ((status & MYSQL_WAIT_WRITE) != 0) events |= POLLOUT;
  if ((status & MYSQL_WAIT_EXCEPT) != 0) events |= POLLPRI;
  for (;;) {
    TRY(interrupted());
    const std::optional<base::Deadline>& limit = draining_ ? draining_ : deadline;
    if (limit && limit->passed()) return fail(late());
    // While a statement is drained, its stop request has been seen already.
    std::array<pollfd, 2> ready = {{{mysql_get_socket(handle_.get()), events, 0},
                                    {draining_ ? -1 : wake_.descriptor(), POLLIN, 0}}};
    const int found = ::poll(ready.data(), ready.size(), limit ? milliseconds_left(*limit) : -1);
    if (found < 0 && errno != EINTR) return fail(base::system_error("poll", errno));
    if (found > 0 && ready[0].revents != 0) return {};
  }
}

Result<void> Session::run(int status, std::function<int(int)> go_on) {
  pending_ = std::move(go_on);
  pending_status_ = status;
  while (pending_status_ != 0) {
    TRY(wait(pending_status_));
    pending_status_ = pending_(pending_status_);
  }
  pending_ = nullptr;
  return {};
}

Error Session::failure() {
  last_number_ = mysql_errno(handle_.get());
  constexpr unsigned clients_own = 2000;  // from here on: libmariadb's own, about the connection
  if (is_loss(last_number_) || last_number_ >= clients_own) broken_ = true;
  active_ = false;
  return error_of_number(last_number_, mysql_error(handle_.get()));
}

// libmariadb's own way would be to read whatever file a server asks for.
void Session::answer_requests_for_files() {
  const unsigned yes = 1;
  mysql_options(handle_.get(), MYSQL_OPT_LOCAL_INFILE, &yes);
  const auto init = [](void** state, const char*, void* self) {
    *state = self;
    return static_cast<Session*>(self)->offered_.data() == nullptr ? 1 : 0;
  };
  const auto read = [](void* state, char* to, unsigned size) {
    ByteView& offered = static_cast<Session*>(state)->offered_;
    const std::size_t count = std::min<std::size_t>(size, offered.size());
    std::memcpy(to, offered.data(), count);
    offered = offered.subspan(count);
    return static_cast<int>(count);
  };
  const auto end = [](void*) {};
  const auto error = [](void*, char* text, unsigned size) {
    constexpr int unknown = 2000;
    std::snprintf(text, size, "the server asked for a file of ours");
    return unknown;
  };
  mysql_set_local_infile_handler(handle_.get(), init, read, end, error, this);
}

std::string Session::info() const {
  const char* text = mysql_info(handle_.get());
  return text == nullptr ? "" : text;
}

unsigned Session::warnings() const {
  return mysql_warning_count(handle_.get());
}

Result<void> Session::connect_once(const Login& login, bool with_tls) {
  handle_.reset(mysql_init(nullptr));
  if (!handle_) return fail(Errc::unavailable, "out of memory");
  MYSQL* mysql = handle_.get();
  const Location& to = login.location;
  mysql_options(mysql, MYSQL_OPT_NONBLOCK, nullptr);
  mysql_options(mysql, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet_max);
  mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  mysql_options4(mysql, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "stillpoint");
  answer_requests_for_files();
  const my_bool yes = 1;
  const my_bool no = 0;
  if (with_tls) {
    const bool verify = to.tls == Tls::verify_identity;
    mysql_options(mysql, MYSQL_OPT_SSL_ENFORCE, &yes);
    mysql_options(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, verify ? &yes : &no);
    if (!to.ssl_ca.empty()) mysql_options(mysql, MYSQL_OPT_SSL_CA, to.ssl_ca.c_str());
    if (!to.ssl_cert.empty()) mysql_options(mysql, MYSQL_OPT_SSL_CERT, to.ssl_cert.c_str());
    if (!to.ssl_key.empty()) mysql_options(mysql, MYSQL_OPT_SSL_KEY, to.ssl_key.c_str());
  }
  // Never null: libmariadb would look for a password in the environment by itself.
  const std::string password(login.password ? login.password->reveal() : "");
  active_ = true;
  const int status = mysql_real_connect_start(
      &connected_, mysql, or_null(to.host), login.user.c_str(), password.c_str(), nullptr, to.port,
      or_null(to.socket), CLIENT_MULTI_STATEMENTS | CLIENT_MULTI_RESULTS);
  TRY(run(status,
          [this](int s) { return mysql_real_connect_cont(&connected_, handle_.get(), s); }));
  if (connected_ == nullptr) return fail(failure());
  active_ = false;
  // After a TLS handshake libmariadb leaves the socket blocking: every wait would be inside of it.
  const int socket = mysql_get_socket(mysql);
  if (::fcntl(socket, F_SETFL, ::fcntl(socket, F_GETFL) | O_NONBLOCK) != 0) {
    return fail(base::system_error("fcntl", errno));
  }
  // libmariadb goes on without TLS where the server has none.
  if (with_tls && to.tls != Tls::preferred && mysql_get_ssl_cipher(mysql) == nullptr) {
    return fail(error_of_number(no_tls, "the server has no TLS"));
  }
  return {};
}

Result<void> Session::connect(const Login& login, const base::Deadline& limit) {
  login_ = login;
  const auto outer = std::exchange(deadline, limit);
  const Tls tls = login.location.tls;
  const bool local = !login.location.socket.empty();
  const bool with_tls = tls != Tls::disabled && !(tls == Tls::preferred && local);
  Result<void> connected = connect_once(login, with_tls);
  if (!connected && with_tls && tls == Tls::preferred && last_number_ == no_tls) {
    connected = connect_once(login, false);
  }
  deadline = outer;
  if (!connected) {
    active_ = false;
    handle_.reset();
  }
  return connected;
}

Result<void> Session::send(const std::string& sql) {
  if (each_max) deadline.reset();
  TRY(interrupted());
  if (!usable()) {
    last_number_ = 0;
    return fail(error_of_number(2006, "the session with the server has ended"));
  }
  last_number_ = 0;
  if (each_max && !draining_) deadline = base::Deadline(*each_max);
  active_ = true;
  pending_ = [this](int s) { return mysql_real_query_cont(&outcome_, handle_.get(), s); };
  pending_status_ = mysql_real_query_start(&outcome_, handle_.get(), sql.data(), sql.size());
  return {};
}

Result<void> Session::answer() {
  TRY(run(pending_status_, std::move(pending_)));
  if (outcome_ != 0) return fail(failure());
  return {};
}

bool Session::has_rows() const {
  return mysql_field_count(handle_.get()) > 0;
}

Result<ServerResult> Session::store() {
  TRY(run(mysql_store_result_start(&result_, handle_.get()),
          [this](int s) { return mysql_store_result_cont(&result_, handle_.get(), s); }));
  ServerResult result(std::exchange(result_, nullptr));
  if (!result) return fail(failure());
  return result;
}

Result<void> Session::stream() {
  streaming_.reset(mysql_use_result(handle_.get()));
  if (!streaming_) return fail(failure());
  return {};
}

Result<char**> Session::fetch() {
  const int status = mysql_fetch_row_start(&row_, streaming_.get());
  if (status != 0) {
    TRY(run(status, [this](int s) { return mysql_fetch_row_cont(&row_, streaming_.get(), s); }));
  }
  if (row_ != nullptr) return row_;
  streaming_.reset();
  if (mysql_errno(handle_.get()) != 0) return fail(failure());
  return row_;
}

Result<bool> Session::next() {
  if (!mysql_more_results(handle_.get())) {
    active_ = false;
    return false;
  }
  TRY(run(mysql_next_result_start(&outcome_, handle_.get()),
          [this](int s) { return mysql_next_result_cont(&outcome_, handle_.get(), s); }));
  if (outcome_ > 0) return fail(failure());
  return true;
}

Result<void> Session::finish() {
  do {
    if (has_rows()) TRY(store());
  } while (TRY(next()));
  return {};
}

// From a session of its own: nothing else ends a statement that waits on the server.
Result<void> Session::kill_on_server() {
  const auto killer = TRY(Session::make());
  const base::Deadline limit(abandon_time);
  TRY(killer->connect(login_, limit));
  killer->deadline = limit;
  TRY(killer->send(fmt::format("KILL QUERY {}", mysql_thread_id(handle_.get()))));
  TRY(killer->answer());
  return killer->finish();
}

Result<void> Session::drain() {
  if (pending_) TRY(run(pending_status_, std::exchange(pending_, nullptr)));
  if (result_ != nullptr) ServerResult(std::exchange(result_, nullptr));
  const auto ended = [&] { return mysql_errno(handle_.get()) != 0; };
  while (!ended()) {
    if (!streaming_ && has_rows()) TRY(stream());
    while (streaming_ && TRY(fetch()) != nullptr) {
      if (draining_->passed()) return fail(late());
    }
    if (!TRY(next())) break;
  }
  return {};
}

void Session::abandon() {
  if (!handle_ || !active_) return;
  draining_ = base::Deadline(abandon_time);
  const bool established = connected_ != nullptr && mysql_thread_id(handle_.get()) != 0;
  bool in_order = established && kill_on_server();
  // That the statement fails is what was wanted.
  if (in_order) in_order = (drain() || last_number_ == er_interrupted) && usable();
  // The order to kill may have come after the end: then it hits the next statement.
  for (int tries = 0; in_order && tries < 2; ++tries) {
    Result<void> idle = send("DO 0");
    if (idle) idle = answer();
    if (idle) idle = finish();
    if (idle) break;
    in_order = last_number_ == er_interrupted;
  }
  draining_.reset();
  active_ = false;
  pending_ = nullptr;
  // Nobody may wait for the goodbye of a session that does not answer.
  if (!in_order) ::shutdown(mysql_get_socket(handle_.get()), SHUT_RDWR);
  if (!in_order) broken_ = true;
  streaming_.reset();
}

}  // namespace stillpoint::database::mysql

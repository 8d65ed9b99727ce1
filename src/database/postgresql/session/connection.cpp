// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/session/connection.h"

#include <algorithm>
#include <charconv>

#include <libpq-fe.h>
#include <poll.h>

#include "database/postgresql/session/establish.h"
#include "database/postgresql/session/location.h"
#include "database/postgresql/session/server_error.h"
#include "database/postgresql/session/session.h"

namespace stillpoint::database::postgresql {

struct Connection::State {
  std::unique_ptr<Session> session;

  pg_conn* handle() const { return session->handle.get(); }

  // What ends a statement early on our side has to end it on the server, too.
  template <class T>
  Result<T> settled(Result<T> outcome) {
    if (!outcome) session->abandon();
    return outcome;
  }
  Result<void> send(const std::string& sql) {
    TRY(session->begin());
    if (PQsendQuery(handle(), sql.c_str()) == 0) return fail(session->lost());
    return {};
  }
  Result<void> execute(const std::string& sql) {
    TRY(send(sql));
    return session->finish();
  }
  Result<void> send(const std::string& sql, const Parameters& parameters);
  Result<std::vector<Row>> rows(const std::string& sql, const Parameters& parameters);
  Result<void> begin_copy(const std::string& sql, ExecStatusType expected);
  Result<std::uint64_t> end_copy();
  Result<std::uint64_t> copy_rows(const RowSink& sink);
  Result<void> put(ByteView bytes);
};

namespace {

Row row_of(const pg_result* result, int number) {
  std::vector<std::optional<std::string>> values(static_cast<std::size_t>(PQnfields(result)));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto column = static_cast<int>(i);
    if (PQgetisnull(result, number, column) != 0) continue;
    values[i] = std::string(PQgetvalue(result, number, column),
                            static_cast<std::size_t>(PQgetlength(result, number, column)));
  }
  return Row(std::move(values));
}

// Bytes of a row that libpq has allocated.
struct MemoryFree {
  void operator()(char* memory) const { PQfreemem(memory); }
};

}  // namespace

const std::string& Row::text(std::size_t column) const {
  static const std::string empty;
  return values_[column] ? *values_[column] : empty;
}

std::int64_t Row::number(std::size_t column) const {
  const std::string& digits = text(column);
  std::int64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

Connection::Connection(std::unique_ptr<State> state) : state_(std::move(state)) {}
Connection::~Connection() = default;
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;

Result<Connection> Connection::connect(const Address& address, const ConnectOptions& options) {
  auto state = std::make_unique<State>();
  state->session = TRY(Session::make());
  state->session->obey(options.stop);
  Keywords keywords = {{"keepalives", "1"},
                       {"keepalives_idle", "30"},
                       {"keepalives_interval", "10"},
                       {"keepalives_count", "3"},
                       {"fallback_application_name", "stillpoint"}};
  base::Secret password;
  if (options.like != nullptr) {
    const pg_conn* other = options.like->state_->handle();
    if (other == nullptr) return fail(options.like->state_->session->lost());
    keywords.emplace_back("dbname", "");  // libpq reads the first one as a URL where it can be one
    for (auto& keyword : keywords_of(other)) keywords.push_back(std::move(keyword));
    for (auto& keyword : secrets_of(other)) keywords.push_back(std::move(keyword));
    password = base::Secret(std::string(options.like->password()));
  } else {
    TRY(check_url(address.url));
    keywords.emplace_back("dbname", address.url);
    password = TRY(password_of(address));
  }
  if (!password.reveal().empty()) keywords.emplace_back("password", password.reveal());
  if (!options.database.empty()) keywords.emplace_back("dbname", options.database);
  TRY(establish(*state->session, std::move(keywords), options.time_max));
  const int version = PQserverVersion(state->handle());
  TRY_DURING("prepare the session",
             state->settled(state->execute(settings_sql(version, state->session->encoding))));
  // Lets a server notice in the midst of a statement that we are gone. Not every system can.
  if (version >= 140000) {
    const Result<void> noticed =
        state->settled(state->execute("SET client_connection_check_interval = '10s'"));
    if (!noticed && state->session->last_state.empty()) return fail(noticed.error());
  }
  return Connection(std::move(state));
}

void Connection::obey(std::stop_token stop) {
  state_->session->obey(std::move(stop));
}

void Connection::limit(base::Deadline deadline) {
  state_->session->deadline = deadline;
}

void Connection::unlimit() {
  state_->session->deadline.reset();
}

Result<void> Connection::execute(const std::string& sql) {
  return state_->settled(state_->execute(sql));
}

Result<void> Connection::State::send(const std::string& sql, const Parameters& parameters) {
  TRY(session->begin());
  std::vector<const char*> values;
  for (const auto& parameter : parameters) {
    values.push_back(parameter ? parameter->c_str() : nullptr);
  }
  const int count = static_cast<int>(values.size());
  if (PQsendQueryParams(handle(), sql.c_str(), count, nullptr, values.data(), nullptr, nullptr,
                        0) == 0) {
    return fail(session->lost());
  }
  return {};
}

Result<std::vector<Row>> Connection::State::rows(const std::string& sql,
                                                 const Parameters& parameters) {
  TRY(send(sql, parameters));
  std::vector<Row> found;
  for (;;) {
    const ServerResult result = TRY(session->next_result());
    if (!result) return found;
    const auto status = PQresultStatus(result.get());
    if (status == PGRES_FATAL_ERROR) {
      return fail(session->failure(result.get()));
    }
    if (status == PGRES_COPY_OUT || status == PGRES_COPY_IN) {
      return fail(Errc::internal, "a COPY where rows were expected");
    }
    found.reserve(static_cast<std::size_t>(PQntuples(result.get())));
    for (int i = 0; i < PQntuples(result.get()); ++i) found.push_back(row_of(result.get(), i));
  }
}

Result<std::vector<Row>> Connection::query(const std::string& sql, const Parameters& parameters) {
  return state_->settled(state_->rows(sql, parameters));
}

Result<Row> Connection::row(const std::string& sql, const Parameters& parameters) {
  std::vector<Row> rows = TRY(query(sql, parameters));
  if (rows.empty()) return fail(Errc::not_found, "the server knows none such");
  return std::move(rows.front());
}

Result<std::string> Connection::value(const std::string& sql, const Parameters& parameters) {
  const Row first = TRY(row(sql, parameters));
  return first.text(0);
}

// The server's answer to the COPY itself; anything else than `expected` ends it.
Result<void> Connection::State::begin_copy(const std::string& sql, ExecStatusType expected) {
  TRY(send(sql));
  const ServerResult result = TRY(session->next_result());
  if (result && PQresultStatus(result.get()) == expected) return {};
  if (result && PQresultStatus(result.get()) == PGRES_FATAL_ERROR) {
    return fail(session->failure(result.get()));
  }
  return fail(Errc::internal, "no COPY of this direction: {}", sql);
}

// The number of rows that the server says it has copied.
Result<std::uint64_t> Connection::State::end_copy() {
  const ServerResult result = TRY(session->next_result());
  if (!result) return fail(session->lost());
  if (PQresultStatus(result.get()) != PGRES_COMMAND_OK) {
    return fail(session->failure(result.get()));
  }
  const std::string_view count = PQcmdTuples(result.get());
  std::uint64_t rows = 0;
  std::from_chars(count.data(), count.data() + count.size(), rows);
  TRY(session->finish());
  return rows;
}

Result<std::uint64_t> Connection::State::copy_rows(const RowSink& sink) {
  for (std::uint64_t rows = 0;;) {
    char* bytes = nullptr;
    const int size = PQgetCopyData(handle(), &bytes, 1);
    const std::unique_ptr<char, MemoryFree> row(bytes);
    if (size > 0) {
      constexpr std::uint64_t often = 64;  // asking the clock for every row would cost as much
      if (++rows % often == 0) TRY(session->interrupted());
      TRY(sink(base::view_of(std::string_view(bytes, static_cast<std::size_t>(size)))));
    } else if (size == 0) {
      TRY(session->wait(POLLIN));
      if (PQconsumeInput(handle()) == 0) return fail(session->lost());
    } else {
      const std::uint64_t sent = TRY(end_copy());
      if (sent == rows) return rows;
      return fail(Errc::corrupt, "the server has sent {} rows, and {} came", sent, rows);
    }
  }
}

Result<std::uint64_t> Connection::copy_out(const std::string& sql, const RowSink& sink) {
  TRY(state_->settled(state_->begin_copy(sql, PGRES_COPY_OUT)));
  return state_->settled(state_->copy_rows(sink));
}

Result<void> Connection::copy_begin(const std::string& sql) {
  return state_->settled(state_->begin_copy(sql, PGRES_COPY_IN));
}

Result<void> Connection::State::put(ByteView bytes) {
  constexpr std::size_t step = 256 * 1024;  // libpq holds a copy until it is sent
  while (!bytes.empty()) {
    TRY(session->interrupted());
    const ByteView piece = bytes.first(std::min(step, bytes.size()));
    const int taken =
        PQputCopyData(handle(), base::text_of(piece).data(), static_cast<int>(piece.size()));
    if (taken < 0) {
      // The server has ended it, and its result says why.
      TRY(end_copy());
      return fail(session->lost());
    }
    TRY(session->flush());
    if (taken > 0) bytes = bytes.subspan(piece.size());
  }
  return {};
}

Result<void> Connection::copy_write(ByteView bytes) {
  return state_->settled(state_->put(bytes));
}

Result<std::uint64_t> Connection::copy_end() {
  const auto end = [&]() -> Result<std::uint64_t> {
    Session& session = *state_->session;
    TRY(session.interrupted());
    for (int taken = 0; taken == 0;) {
      taken = PQputCopyEnd(state_->handle(), nullptr);
      if (taken < 0) break;  // the server has ended it
      TRY(session.flush());
    }
    return state_->end_copy();
  };
  return state_->settled(end());
}

void Connection::copy_abort(std::string_view) {
  state_->session->abandon();
}

const std::string& Connection::last_state() const {
  return state_->session->last_state;
}

bool Connection::usable() const {
  return state_->handle() != nullptr && PQstatus(state_->handle()) == CONNECTION_OK;
}

const std::string& Connection::server_encoding() const {
  return state_->session->encoding;
}

int Connection::server_version() const {
  return state_->handle() == nullptr ? 0 : PQserverVersion(state_->handle());
}

int Connection::server_process() const {
  return state_->handle() == nullptr ? 0 : PQbackendPID(state_->handle());
}

std::string Connection::connection_text(const std::string& database) const {
  if (state_->handle() == nullptr) return {};
  Keywords keywords = keywords_of(state_->handle());
  if (!database.empty()) keywords.emplace_back("dbname", database);
  std::string text;
  for (const auto& [name, value] : keywords) {
    if (!text.empty()) text += ' ';
    text += name + "='";
    for (const char c : value) {
      if (c == '\'' || c == '\\') text += '\\';
      text += c;
    }
    text += '\'';
  }
  return text;
}

std::vector<std::pair<std::string, std::string>> Connection::secrets() const {
  return state_->handle() == nullptr ? Keywords() : secrets_of(state_->handle());
}

std::string_view Connection::password() const {
  const char* used = state_->handle() == nullptr ? nullptr : PQpass(state_->handle());
  return used == nullptr ? std::string_view() : std::string_view(used);
}

}  // namespace stillpoint::database::postgresql

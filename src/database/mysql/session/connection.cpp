// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/session/connection.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include <fmt/format.h>
#include <mysql.h>

#include "database/mysql/session/establish.h"
#include "database/mysql/session/server_error.h"
#include "database/mysql/session/session.h"

namespace stillpoint::database::mysql {

struct Connection::State {
  std::unique_ptr<Session> session;
  Login login;
  std::string version_text;
  unsigned version = 0;
  bool mariadb = false;
  std::uint64_t id = 0;

  // What ends a statement early on our side has to end it on the server, too.
  template <class T>
  Result<T> settled(Result<T> outcome) {
    if (outcome) return outcome;
    const bool late = session->each_max && session->deadline && session->deadline->passed();
    session->abandon();
    if (!late || outcome.error().code != Errc::busy) return outcome;
    return fail(with_reason(std::move(outcome.error())));
  }
  Error with_reason(Error late);
  Result<std::vector<Row>> ask_anyhow(const std::string& sql);
  Result<void> execute(const std::string& sql) {
    TRY(session->send(sql));
    TRY(session->answer());
    return session->finish();
  }
  Result<std::vector<Row>> rows();
  Result<std::uint64_t> stream(const std::string& sql, const RowVisitor& visit);
  Result<void> load(const std::string& sql, ByteView bytes, std::uint64_t rows);
  Result<void> explain_warnings();
};

namespace {

template <class T>
T parsed(const std::string& digits) {
  T value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

Row::Names names_of(st_mysql_res* result) {
  std::vector<std::string> names;
  const MYSQL_FIELD* fields = mysql_fetch_fields(result);
  for (unsigned i = 0; i < mysql_num_fields(result); ++i) {
    names.emplace_back(fields[i].name, fields[i].name_length);
  }
  return std::make_shared<const std::vector<std::string>>(std::move(names));
}

std::vector<Row> rows_of(st_mysql_res* result) {
  const Row::Names names = names_of(result);
  std::vector<Row> rows;
  while (char** row = mysql_fetch_row(result)) {
    const unsigned long* lengths = mysql_fetch_lengths(result);
    std::vector<std::optional<std::string>> values(names->size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (row[i] != nullptr) values[i] = std::string(row[i], lengths[i]);
    }
    rows.emplace_back(names, std::move(values));
  }
  return rows;
}

// "5.5.5-10.11.19-MariaDB" is how MariaDB once kept old replicas from being afraid.
unsigned version_of(std::string_view text) {
  if (text.starts_with("5.5.5-")) text.remove_prefix(6);
  unsigned parts[3] = {0, 0, 0};
  std::size_t at = 0;
  for (unsigned& part : parts) {
    while (at < text.size() && std::isdigit(static_cast<unsigned char>(text[at])) != 0) {
      part = part * 10 + static_cast<unsigned>(text[at++] - '0');
    }
    if (at == text.size() || text[at] != '.') break;
    ++at;
  }
  return parts[0] * 10000 + parts[1] * 100 + parts[2];
}

}  // namespace

const std::string& Row::text(std::size_t column) const {
  static const std::string empty;
  return values_[column] ? *values_[column] : empty;
}

const std::string& Row::text(std::string_view name) const {
  static const std::string empty;
  const auto found = std::find_if(names_->begin(), names_->end(),
                                  [&](const std::string& one) { return same_name(one, name); });
  return found == names_->end() ? empty : text(static_cast<std::size_t>(found - names_->begin()));
}

std::int64_t Row::number(std::size_t column) const {
  return parsed<std::int64_t>(text(column));
}

std::int64_t Row::number(std::string_view name) const {
  return parsed<std::int64_t>(text(name));
}

std::uint64_t Row::count(std::size_t column) const {
  return parsed<std::uint64_t>(text(column));
}

Connection::Connection(std::unique_ptr<State> state) : state_(std::move(state)) {}
Connection::~Connection() = default;
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;

Result<Connection> Connection::connect(const Address& address, const ConnectOptions& options) {
  auto state = std::make_unique<State>();
  state->session = TRY(Session::make());
  state->session->obey(options.stop);
  if (options.like != nullptr) {
    state->login = options.like->state_->login;
  } else {
    state->login = TRY(login_of(address));
  }
  const base::Deadline limit(options.time_max);
  const Location& to = state->login.location;
  TRY_DURING("connect to the server at " +
                 (to.socket.empty() ? to.host + ":" + std::to_string(to.port) : to.socket),
             state->session->connect(state->login, limit));
  MYSQL* mysql = state->session->handle();
  state->id = mysql_thread_id(mysql);
  state->version_text = mysql_get_server_info(mysql);
  state->version = version_of(state->version_text);
  state->mariadb = state->version_text.find("MariaDB") != std::string::npos;
  state->session->deadline = limit;
  TRY_DURING("prepare the session",
             state->settled(state->execute(settings_sql(state->mariadb, state->version))));
  state->session->deadline.reset();
  return Connection(std::move(state));
}

void Connection::obey(std::stop_token stop) {
  state_->session->obey(std::move(stop));
}

void Connection::limit(base::Deadline deadline) {
  state_->session->deadline = deadline;
}

void Connection::limit_each(base::Duration time) {
  state_->session->each_max = time;
}

void Connection::unlimit() {
  state_->session->deadline.reset();
  state_->session->each_max.reset();
}

Result<void> Connection::execute(const std::string& sql) {
  return state_->settled(state_->execute(sql));
}

Result<void> Connection::send(const std::string& sql) {
  return state_->settled(state_->session->send(sql));
}

Result<std::vector<Row>> Connection::State::rows() {
  TRY(session->answer());
  std::vector<Row> found;
  do {
    if (!session->has_rows()) continue;
    const ServerResult result = TRY(session->store());
    found = rows_of(result.get());
  } while (TRY(session->next()));
  return found;
}

Result<std::vector<Row>> Connection::answer() {
  return state_->settled(state_->rows());
}

Result<std::vector<Row>> Connection::query(const std::string& sql) {
  TRY(send(sql));
  return answer();
}

Result<Row> Connection::row(const std::string& sql) {
  std::vector<Row> rows = TRY(query(sql));
  if (rows.empty()) return fail(Errc::not_found, "the server knows none such");
  return std::move(rows.front());
}

Result<std::string> Connection::value(const std::string& sql) {
  const Row first = TRY(row(sql));
  return first.text(0);
}

// On another session, where this one was lost: there are waits that MySQL does not end.
Result<std::vector<Row>> Connection::State::ask_anyhow(const std::string& sql) {
  if (session->usable()) {
    TRY(session->send(sql));
    return rows();
  }
  constexpr std::chrono::seconds time_max{3};
  State other;
  other.session = TRY(Session::make());
  other.session->deadline = base::Deadline(time_max);
  TRY(other.session->connect(login, base::Deadline(time_max)));
  TRY(other.session->send(sql));
  return other.rows();
}

// Semi-synchronous replication: a commit returns when a replica has it, if need be in an hour.
Error Connection::State::with_reason(Error late) {
  const auto found = ask_anyhow("SHOW GLOBAL STATUS LIKE 'Rpl\\_semi\\_sync\\_%'");
  if (!found) return late;
  std::string clients = "?";
  bool waits = false;
  for (const Row& row : *found) {
    const std::string& name = row.text(0);
    if (name.ends_with("master_status") || name.ends_with("source_status")) {
      waits = row.text(1) == "ON";
    }
    if (name.ends_with("_clients")) clients = row.text(1);
  }
  if (!waits) return late;
  late.message +=
      fmt::format(": commits wait for a semi-synchronous replica, and {} are connected", clients);
  late.advice =
      "see that the replica follows, or let the server not wait for it "
      "(rpl_semi_sync_master_enabled, in MySQL rpl_semi_sync_source_enabled); then run the same "
      "command again";
  return late;
}

Result<std::uint64_t> Connection::State::stream(const std::string& sql, const RowVisitor& visit) {
  constexpr std::uint64_t rows_between_looks = 256;  // at the clock
  TRY(session->send(sql));
  TRY(session->answer());
  if (!session->has_rows()) return fail(Errc::internal, "no rows come of it: {}", sql);
  TRY(session->stream());
  Cells cells;
  cells.count = mysql_num_fields(session->streamed());
  for (std::uint64_t rows = 0;; ++rows) {
    cells.values = TRY(session->fetch());
    if (cells.values == nullptr) {
      if (TRY(session->next())) TRY(session->finish());
      return rows;
    }
    if (session->stop_requested() || rows % rows_between_looks == 0) TRY(session->interrupted());
    cells.lengths = mysql_fetch_lengths(session->streamed());
    TRY(visit(cells));
  }
}

Result<std::uint64_t> Connection::stream(const std::string& sql, const RowVisitor& visit) {
  return state_->settled(state_->stream(sql, visit));
}

// Rows that go in otherwise than they are come with a warning. MySQL warns besides of types that it
// is going to drop, and of what it cannot show in information_schema (1300).
Result<void> Connection::State::explain_warnings() {
  constexpr unsigned cannot_show = 1300;
  TRY(session->send("SHOW WARNINGS"));
  const std::vector<Row> warnings = TRY(rows());
  for (const Row& warning : warnings) {
    const auto number = static_cast<unsigned>(warning.number(1));
    if (number == cannot_show || warning.text(2).find("deprecated") != std::string::npos) continue;
    if (warning.text(0) == "Note") continue;
    Error error = error_of_number(number, warning.text(2));
    error.code = Errc::corrupt;
    return fail(std::move(error).during("a row does not go in as it is"));
  }
  return {};
}

Result<void> Connection::State::load(const std::string& sql, ByteView bytes, std::uint64_t count) {
  session->offer(bytes);
  TRY(session->send(sql));
  const Result<void> answered = session->answer();
  session->offer({});
  TRY(answered);
  const std::string info = session->info();  // "Records: 3  Deleted: 0  Skipped: 0  Warnings: 0"
  const unsigned warnings = session->warnings();
  TRY(session->finish());
  if (warnings > 0) TRY(explain_warnings());
  const std::size_t colon = info.find(": ");
  const std::string taken = colon == std::string::npos ? "" : info.substr(colon + 2);
  const bool skipped = info.find("Skipped: 0 ") == std::string::npos;
  if (skipped || parsed<std::uint64_t>(taken) != count) {
    return fail(Errc::corrupt, "the server did not take all of {} rows: {}", count, info);
  }
  return {};
}

Result<void> Connection::load(const std::string& sql, ByteView bytes, std::uint64_t rows) {
  return state_->settled(state_->load(sql, bytes, rows));
}

unsigned Connection::last_number() const {
  return state_->session->last_number();
}

bool Connection::usable() const {
  return state_->session->usable();
}

bool Connection::is_mariadb() const {
  return state_->mariadb;
}

unsigned Connection::server_version() const {
  return state_->version;
}

const std::string& Connection::version_text() const {
  return state_->version_text;
}

std::uint64_t Connection::id() const {
  return state_->id;
}

const std::string& Connection::user() const {
  return state_->login.user;
}

const Location& Connection::location() const {
  return state_->login.location;
}

bool Connection::over_tls() const {
  return mysql_get_ssl_cipher(state_->session->handle()) != nullptr;
}

}  // namespace stillpoint::database::mysql

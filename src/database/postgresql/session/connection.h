// SPDX-License-Identifier: Apache-2.0
// A session with a PostgreSQL server: libpq, with stop requests, deadlines and Results.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "database/address.h"
#include "database/names.h"

struct pg_conn;
struct pg_result;

namespace stillpoint::database::postgresql {

// A row of a result. Columns are numbered from 0; nulls read as empty, 0 and false.
class Row {
 public:
  explicit Row(std::vector<std::optional<std::string>> values) : values_(std::move(values)) {}
  bool is_null(std::size_t column) const { return !values_[column]; }
  const std::string& text(std::size_t column) const;
  std::int64_t number(std::size_t column) const;
  bool flag(std::size_t column) const { return text(column) == "t"; }

 private:
  std::vector<std::optional<std::string>> values_;
};

using Parameters = std::vector<std::optional<std::string>>;

class Connection;

struct ConnectOptions {
  std::string database = {};  // another one of the same server; empty: the URL's
  // Connects to the very server of this session (a URL may name several) with its password.
  const Connection* like = nullptr;
  std::stop_token stop = {};  // obeyed from then on, too
  base::Duration time_max = std::chrono::seconds(15);
};

// One thread at a time. Destruction ends the session; what it had not committed is undone by the
// server.
class Connection {
 public:
  // Every session gets the settings that make its texts the same everywhere: UTC, ISO dates,
  // C money, search_path '', no row security, no parallel plans (their rows come in any order), no
  // timeouts of the server's configuration; and TCP keepalives, so that the server ends it soon
  // after our machine is lost. Errors never contain a secret, nor data of rows.
  // Names and other texts are UTF-8, whatever the database's encoding is (of SQL_ASCII, just
  // bytes): COPY says what its data is by ENCODING, as in server_encoding().
  static Result<Connection> connect(const Address& address, const ConnectOptions& options = {});
  ~Connection();
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;

  // From now on a stop request cancels, on the server, what this session runs: `cancelled`.
  void obey(std::stop_token stop);
  // From now on, each statement is cancelled at the deadline: `busy`.
  void limit(base::Deadline deadline);
  void unlimit();

  // One or more statements without parameters; their results are dropped.
  Result<void> execute(const std::string& sql);
  Result<std::vector<Row>> query(const std::string& sql, const Parameters& parameters = {});
  // The one row, or the one value, that the query gives; `not_found` where there is none.
  Result<Row> row(const std::string& sql, const Parameters& parameters = {});
  Result<std::string> value(const std::string& sql, const Parameters& parameters = {});

  // COPY … TO STDOUT: hands over each row (with its line feed), and returns their number.
  using RowSink = std::function<Result<void>(ByteView row)>;
  Result<std::uint64_t> copy_out(const std::string& sql, const RowSink& sink);

  // COPY … FROM STDIN: begin, any pieces of the rows' bytes, and the end, which returns the number
  // of rows that the server took. copy_abort() makes the server drop it all.
  Result<void> copy_begin(const std::string& sql);
  Result<void> copy_write(ByteView bytes);
  Result<std::uint64_t> copy_end();
  void copy_abort(std::string_view why);

  // The five characters of the last error that the server told (Appendix A of its manual); empty
  // where there was none or it came from elsewhere.
  const std::string& last_state() const;
  bool usable() const;  // the session is there still
  // "UTF8", "LATIN1": the database's own, in which COPY does not convert anything.
  const std::string& server_encoding() const;
  int server_version() const;  // 150004
  int server_process() const;  // as it was told when connecting: a pooler tells another
  // Everything needed to connect again (host, port, user, dbname, TLS …) except secrets, as
  // "keyword='value' …" for programs' command lines.
  std::string connection_text(const std::string& database = {}) const;
  // The password in use, for programs that we start; empty where there is none.
  std::string_view password() const;
  // Further secrets with libpq's keywords for them: the password of the client's key.
  std::vector<std::pair<std::string, std::string>> secrets() const;

 private:
  struct State;
  explicit Connection(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// "name" with what PostgreSQL needs around it; 'text' likewise; "ns"."table".
std::string quote_name(std::string_view name);
std::string quote_text(std::string_view text);
// "a", "b"; and the same in brackets after a blank, or nothing where there are none.
std::string quote_names(const std::vector<std::string>& names);
std::string column_list(const std::vector<std::string>& names);
std::string quote_qualified(std::string_view schema, std::string_view name);
// How tables are named in manifests and options: public.accounts, "odd name"."x.y" (quoted where
// PostgreSQL would ask for it), and back.
std::string display_qualified(std::string_view schema, std::string_view name);
Result<QualifiedName> parse_qualified(std::string_view text);

}  // namespace stillpoint::database::postgresql

// SPDX-License-Identifier: Apache-2.0
// A session with a MySQL or MariaDB server: libmariadb, with stop requests, deadlines and Results.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "database/address.h"
#include "database/mysql/session/location.h"
#include "database/names.h"

namespace stillpoint::database::mysql {

// A row of a result. Columns are numbered from 0, or named; nulls, and names that there are none
// of, read as empty and 0.
class Row {
 public:
  using Names = std::shared_ptr<const std::vector<std::string>>;
  Row(Names names, std::vector<std::optional<std::string>> values)
      : names_(std::move(names)), values_(std::move(values)) {}
  std::size_t size() const { return values_.size(); }
  bool is_null(std::size_t column) const { return !values_[column]; }
  const std::string& text(std::size_t column) const;
  std::int64_t number(std::size_t column) const;
  std::uint64_t count(std::size_t column) const;
  const std::string& text(std::string_view name) const;  // whatever its case
  std::int64_t number(std::string_view name) const;

 private:
  Names names_;
  std::vector<std::optional<std::string>> values_;
};

// The values of one row as the server sends them; null pointers are nulls.
struct Cells {
  char* const* values = nullptr;
  const unsigned long* lengths = nullptr;
  unsigned count = 0;
};

class Connection;

struct ConnectOptions {
  // Connects to the very server of this session, as the same user.
  const Connection* like = nullptr;
  std::stop_token stop = {};  // obeyed from then on, too
  base::Duration time_max = std::chrono::seconds(15);
};

// One thread at a time. Destruction ends the session; what it had not committed is undone by the
// server.
class Connection {
 public:
  // Every session gets the settings that make its texts the same everywhere and keep the server's
  // configuration from ending it early: no sql_mode, UTC, utf8mb4, autocommit, REPEATABLE READ,
  // no limit on statements' time. Errors never contain a secret, nor data of rows.
  static Result<Connection> connect(const Address& address, const ConnectOptions& options = {});
  ~Connection();
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;

  // From now on a stop request cancels, on the server, what this session runs: `cancelled`.
  void obey(std::stop_token stop);
  // From now on, each statement is cancelled at the deadline: `busy`.
  void limit(base::Deadline deadline);
  // From now on, each statement may take that long: `busy`, which says so where commits wait for a
  // replica.
  void limit_each(base::Duration time);
  void unlimit();

  // One or more statements; the rows of all of them are dropped.
  Result<void> execute(const std::string& sql);
  // The same in two steps, so that several sessions work at once. The rows are the last result's.
  Result<void> send(const std::string& sql);
  Result<std::vector<Row>> answer();
  Result<std::vector<Row>> query(const std::string& sql);
  // The one row, or the one value, that the query gives; `not_found` where there is none.
  Result<Row> row(const std::string& sql);
  Result<std::string> value(const std::string& sql);

  // One SELECT: hands over each row as it comes, and returns their number.
  using RowVisitor = std::function<Result<void>(const Cells& row)>;
  Result<std::uint64_t> stream(const std::string& sql, const RowVisitor& visit);

  // One LOAD DATA LOCAL, whose "file" these bytes are. `corrupt` where the server took them with
  // warnings, or not as many rows as they are.
  Result<void> load(const std::string& sql, ByteView bytes, std::uint64_t rows);

  // The number of the last error that the server told; 0 where there was none or it came from
  // elsewhere.
  unsigned last_number() const;
  bool usable() const;  // the session is there still
  bool is_mariadb() const;
  unsigned server_version() const;  // 101119, 90704
  const std::string& version_text() const;
  std::uint64_t id() const;  // as it was told when connecting: a proxy tells another
  const std::string& user() const;
  const Location& location() const;
  bool over_tls() const;

 private:
  struct State;
  explicit Connection(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// `name` with what MySQL needs around it; 'text' likewise (no sql_mode); `schema`.`name`.
std::string quote_name(std::string_view name);
std::string quote_text(std::string_view text);
std::string quote_qualified(std::string_view schema, std::string_view name);
// How tables are named in manifests and options: shop.orders, `odd name`.`x.y` (quoted where MySQL
// would ask for it), and back.
std::string display_name(std::string_view name);
std::string display_qualified(std::string_view schema, std::string_view name);
Result<QualifiedName> parse_qualified(std::string_view text);

}  // namespace stillpoint::database::mysql

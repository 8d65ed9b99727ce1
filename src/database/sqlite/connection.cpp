// SPDX-License-Identifier: Apache-2.0
#include "database/sqlite/connection.h"

#include <algorithm>
#include <cstring>
#include <thread>

#include "base/process.h"
#include "base/text.h"

namespace stillpoint::database::sqlite {
namespace {

struct Finalizer {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};

Error locked_error(const std::string& file) {
  const auto users = base::openers_of(file);
  const std::string who =
      users && !users->empty() ? base::join(*users, ", ") : "somebody whom /proc does not show";
  return Error{Errc::busy, "it is locked by " + who,
               "wait until they are done or end them, and run the same command again"};
}

int compare_bytes(void*, int left_size, const void* left, int right_size, const void* right) {
  const int order =
      std::memcmp(left, right, static_cast<std::size_t>(std::min(left_size, right_size)));
  return order != 0 ? order : left_size - right_size;
}

void define_collation(void*, sqlite3* handle, int encoding, const char* name) {
  sqlite3_create_collation(handle, name, encoding, nullptr, compare_bytes);
}

}  // namespace

Error sqlite_error(int code, const std::string& text, const std::string& file) {
  switch (code & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return locked_error(file);
    case SQLITE_INTERRUPT:
      return {Errc::cancelled, "stopped on request", {}};
    case SQLITE_NOTADB:
      return {Errc::corrupt, "it is not an SQLite database, or it is encrypted",
              "name a file that the sqlite3 program can open"};
    case SQLITE_CORRUPT:
      return {Errc::corrupt, "the database is damaged (" + text + ")",
              "see what `PRAGMA integrity_check` says, and restore it from a backup"};
    case SQLITE_FULL:
      return {Errc::no_space, text, "free some space and run it again"};
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
      return {Errc::denied, text,
              "check the permissions of the file and its folder: in WAL mode, or after a crash, "
              "reading needs write access to both"};
    case SQLITE_IOERR:
    case SQLITE_NOMEM:
    case SQLITE_PROTOCOL:
    case SQLITE_SCHEMA:
      return {Errc::unavailable, text, "run the same command again"};
    default:
      return {Errc::internal, text, {}};
  }
}

std::string Row::text(int column) const {
  const auto* value = sqlite3_column_text(statement_, column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
  return value == nullptr ? std::string() : std::string(reinterpret_cast<const char*>(value), size);
}

std::vector<Value> Row::values(std::size_t count) const {
  std::vector<Value> all;
  for (int i = 0; i < static_cast<int>(count); ++i) {
    const auto* value = sqlite3_column_text(statement_, i);
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, i));
    all.push_back(value == nullptr
                      ? Value()
                      : Value(std::string_view(reinterpret_cast<const char*>(value), size)));
  }
  return all;
}

Result<Connection> Connection::open(const std::string& name, int flags, const char* vfs) {
  Connection connection;
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(name.c_str(), &handle, flags, vfs);
  connection.handle_.reset(handle);
  if (handle == nullptr) return fail(Errc::unavailable, "open {}: out of memory", name);
  sqlite3_extended_result_codes(handle, 1);
  if (code != SQLITE_OK) return fail(connection.error(sqlite3_extended_errcode(handle)));
  sqlite3_busy_handler(handle, wait, connection.patience_.get());
  return connection;
}

void Connection::limit_waits(base::Deadline deadline) {
  patience_->limit = deadline;
}

void Connection::obey(std::stop_token stop) {
  patience_->stop = std::move(stop);
  sqlite3_progress_handler(handle(), 10'000, stop_requested, patience_.get());
}

void Connection::keep_log() {
  sqlite3_db_config(handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

void Connection::allow_unknown_collations() {
  sqlite3_collation_needed(handle(), nullptr, define_collation);
}

int Connection::wait(void* argument, int count) {
  auto& patience = *static_cast<Patience*>(argument);
  const auto now = std::chrono::steady_clock::now();
  if (count == 0) patience.began = now;
  const bool over = patience.limit ? patience.limit->passed() : now - patience.began >= lock_wait;
  if (over || patience.stop.stop_requested()) return 0;
  base::Duration pause = std::chrono::milliseconds(std::min(count + 1, 20));
  if (patience.limit) pause = std::min(pause, patience.limit->left());
  std::this_thread::sleep_for(pause);
  return 1;
}

int Connection::stop_requested(void* argument) {
  return static_cast<Patience*>(argument)->stop.stop_requested() ? 1 : 0;
}

Result<void> Connection::execute(const std::string& sql) {
  return for_each(sql, [](const Row&) -> Result<void> { return {}; });
}

Result<void> Connection::for_each(const std::string& sql, const Visit& visit) {
  sqlite3_stmt* prepared = nullptr;
  int code = sqlite3_prepare_v2(handle(), sql.c_str(), -1, &prepared, nullptr);
  const std::unique_ptr<sqlite3_stmt, Finalizer> statement(prepared);
  if (code != SQLITE_OK) return fail(error(code));
  while ((code = sqlite3_step(prepared)) == SQLITE_ROW) TRY(visit(Row(prepared)));
  if (code != SQLITE_DONE) return fail(error(code));
  return {};
}

Result<std::int64_t> Connection::number(const std::string& sql) {
  std::int64_t value = 0;
  TRY(for_each(sql, [&](const Row& row) -> Result<void> {
    value = row.number(0);
    return {};
  }));
  return value;
}

Result<std::string> Connection::text(const std::string& sql) {
  std::string value;
  TRY(for_each(sql, [&](const Row& row) -> Result<void> {
    value = row.text(0);
    return {};
  }));
  return value;
}

Error Connection::error(int code) const {
  // A busy handler that gives up on a stop request looks like a lock that did not go away.
  if (patience_->stop.stop_requested()) return {Errc::cancelled, "stopped on request", {}};
  const char* file = sqlite3_db_filename(handle(), "main");
  return sqlite_error(code, sqlite3_errmsg(handle()), file == nullptr ? "" : file);
}

}  // namespace stillpoint::database::sqlite

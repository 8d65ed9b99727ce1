// SPDX-License-Identifier: Apache-2.0
#include "database/sqlite/sqlite_database.h"

#include <algorithm>
#include <filesystem>

#include <unistd.h>

#include "base/encoding.h"
#include "base/helper.h"
#include "base/text.h"
#include "database/names.h"
#include "database/sqlite/hold.h"
#include "database/sqlite/inventory.h"
#include "database/sqlite/location.h"
#include "database/sqlite/snapshot_copy.h"

namespace stillpoint::database::sqlite {
namespace {

constexpr std::string_view schema_part = "schema/schema.sql";

std::optional<struct stat> stat_of(const std::string& path) {
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0) return std::nullopt;
  return info;
}

std::string select_of(const std::string& table, const std::vector<std::string>& columns) {
  std::vector<std::string> quoted;
  for (const std::string& column : columns) quoted.push_back(in_quotes(column, '"'));
  return "SELECT " + base::join(quoted, ", ") + " FROM " + in_quotes(table, '"');
}

bool same_content(const struct stat& a, const struct stat& b) {
  return a.st_ino == b.st_ino && a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
         a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

}  // namespace

// A log that lay there before us and that nobody has written since stays as it is; otherwise we
// leave like any other user: the last one moves the log into the database.
SqliteDatabase::~SqliteDatabase() {
  const auto log = stat_of(path_ + "-wal");
  if (!log_found_ || !log || log_found_->st_size == 0 || !same_content(*log_found_, *log)) return;
  if (marks_) marks_->keep_log();
  if (snapshot_) snapshot_->keep_log();
}

Result<void> SqliteDatabase::check_file() const {
  struct stat info = {};
  if (::stat(path_.c_str(), &info) != 0) {
    return fail(base::system_error("find the file", errno).advise("check the path"));
  }
  if (!S_ISREG(info.st_mode)) {
    return fail(Error{Errc::invalid,
                      S_ISDIR(info.st_mode) ? "it is a folder" : "it is not a regular file",
                      "name the database file itself"});
  }
  if (::access(path_.c_str(), R_OK) != 0) return fail(base::system_error("read the file", errno));
  return {};
}

// Writable where it can be, since readers of a WAL database take part in its shared memory; SQLite
// falls back to reading where the file is protected. A missing file is never created. (What a
// killed process left half done, SQLite undoes at the first read, for us as for any other reader.)
Result<Connection> SqliteDatabase::connect() const {
  Connection connection = TRY(Connection::open(path_, SQLITE_OPEN_READWRITE));
  connection.allow_unknown_collations();
  return connection;
}

Result<void> SqliteDatabase::prepare(std::stop_token stop) {
  TRY_DURING(doing("open"), check_file());
  log_found_ = stat_of(path_ + "-wal");
  snapshot_ = TRY_DURING(doing("open"), connect());
  marks_ = TRY_DURING(doing("open"), connect());
  snapshot_->obey(stop);
  TRY_DURING(doing("open"), snapshot_->number("SELECT count(*) FROM sqlite_schema"));
  TRY_DURING(doing("open"), read_settings());
  return {};
}

Result<void> SqliteDatabase::read_settings() {
  settings_.clear();
  for (const char* name : {"page_size", "page_count", "encoding", "journal_mode", "auto_vacuum",
                           "user_version", "application_id", "schema_version"}) {
    settings_.push_back({ name, TRY(snapshot_->text(std::string("PRAGMA ") + name)) });
    if (settings_.back().name == "journal_mode") wal_ = settings_.back().value == "wal";
  }
  settings_.push_back({"sqlite_version", sqlite3_libversion()});
  return {};
}

std::uint64_t SqliteDatabase::bytes_estimate() const {
  std::error_code none;
  const std::uint64_t bytes = std::filesystem::file_size(path_, none);
  return none ? 0 : bytes;
}

Capabilities SqliteDatabase::capabilities() const {
  return {.snapshot = true,
          .writers_wait = !wal_,
          .write_mark = true,
          .hold_writes = base::Helper::available()};
}

std::vector<std::string> SqliteDatabase::warnings() const {
  if (wal_) return {};
  return {"others cannot commit to " + path_ +
          " while it is read; in WAL mode they could: sqlite3 " + path_ +
          " 'PRAGMA journal_mode=WAL'"};
}

Result<std::string> SqliteDatabase::write_mark() {
  return TRY_DURING(doing("ask for the write mark of"), marks_->text("PRAGMA data_version"));
}

// The lock is on the whole file: of the tables it only matters that they exist.
Result<std::unique_ptr<Hold>> SqliteDatabase::prepare_hold(const std::vector<std::string>& tables,
                                                           base::Duration hold_max) {
  const std::string what = doing("hold writes to");
  Connection asking = TRY_DURING(what, connect());
  asking.limit_waits(base::Deadline(std::chrono::seconds(10)));
  const std::vector<Object> there = TRY_DURING(what, list_objects(asking));
  for (const std::string& table : tables) {
    const bool found = std::any_of(there.begin(), there.end(), [&](const Object& object) {
      return object.kind == "table" && object.name == table;
    });
    if (found) continue;
    return fail(Error{Errc::not_found, what + ": there is no table " + base::printable(table),
                      "`.tables` of the sqlite3 program lists them"});
  }
  return sqlite::prepare_hold(path_, std::move(asking), hold_max);
}

Result<void> SqliteDatabase::check_columns(const std::string& table,
                                           const std::vector<std::string>& columns) {
  std::vector<std::string> all;
  const auto add = [&](const Row& row) -> Result<void> {
    all.push_back(row.text(0));
    return {};
  };
  TRY(marks_->for_each("SELECT name FROM pragma_table_info(" + in_quotes(table, '\'') + ")", add));
  if (all.empty()) return fail(Errc::not_found, "there is no table {}", base::printable(table));
  TRY(positions_of(columns, all, table));
  return {};
}

Result<std::vector<Values>> SqliteDatabase::look_up(const std::string& table,
                                                    const std::vector<std::string>& columns,
                                                    std::size_t rows_max) {
  const std::string what = doing("look up " + base::printable(table) + " in");
  TRY_DURING(what, check_columns(table, columns));
  std::vector<Values> all;
  const auto add = [&](const Row& row) -> Result<void> {
    if (all.size() == rows_max) return fail(Errc::invalid, "it has more than {} rows", rows_max);
    Values& values = all.emplace_back();
    for (const Value& value : row.values(columns.size())) {
      values.push_back(value ? std::optional<std::string>(*value) : std::nullopt);
    }
    return {};
  };
  TRY_DURING(what, marks_->for_each(select_of(table, columns), add));
  return all;
}

Result<void> SqliteDatabase::watch(std::vector<Watch> watches) {
  for (Watch& one : watches) {
    TRY_DURING(doing("watch"), check_columns(one.table, one.columns));
    const bool twice = std::any_of(watches_.begin(), watches_.end(),
                                   [&](const Watch& known) { return known.table == one.table; });
    if (twice) return fail(Errc::invalid, "{} is watched twice", base::printable(one.table));
    watches_.push_back(std::move(one));
  }
  return {};
}

Result<void> SqliteDatabase::open(base::Deadline deadline) {
  snapshot_->obey({});
  snapshot_->limit_waits(deadline);
  TRY_DURING(doing("begin to read"), snapshot_->execute("BEGIN"));
  TRY_DURING(doing("begin to read"), snapshot_->execute("SELECT 1 FROM sqlite_schema LIMIT 1"));
  TRY_DURING(doing("begin to read"), read_settings());
  return {};
}

std::string SqliteDatabase::data_part() const {
  return "data/" + base::percent_encode(std::filesystem::path(path_).filename().string());
}

Result<std::vector<Object>> SqliteDatabase::objects() {
  const std::string what = doing("list the contents of");
  const auto pages =
      static_cast<std::uint64_t>(TRY_DURING(what, snapshot_->number("PRAGMA page_count")));
  const auto page_bytes =
      static_cast<std::uint32_t>(TRY_DURING(what, snapshot_->number("PRAGMA page_size")));
  const std::string schema = TRY_DURING(what, schema_text(*snapshot_));

  std::vector<Object> objects;
  objects.push_back(
      {.kind = "file",
       .name = std::filesystem::path(path_).filename().string(),
       .parts = {{.path = data_part(),
                  .layout = {.bytes_estimate = pages * page_bytes, .page_bytes = page_bytes}}}});
  objects.push_back(
      {.kind = "schema",
       .name = "schema.sql",
       .parts = {{.path = std::string(schema_part), .layout = {.bytes_estimate = schema.size()}}}});
  for (Object& object : TRY_DURING(what, list_objects(*snapshot_))) {
    objects.push_back(std::move(object));
  }
  return objects;
}

// Commits of an SQLite file have no numbers: the snapshot itself is the point.
Result<RestorePoint> SqliteDatabase::point(const Window&) {
  return RestorePoint{};
}

Result<Receipt> SqliteDatabase::read(const Part& part, Sink& sink, std::stop_token stop) {
  const std::string what = doing("read");
  if (part.path == data_part()) {
    TRY_DURING(what, copy_snapshot(*snapshot_, sink, stop));
    return Receipt{};
  }
  if (part.path != schema_part) return fail(Errc::internal, "{}: no part {}", what, part.path);
  const std::string schema = TRY_DURING(what, schema_text(*snapshot_));
  if (!schema.empty()) TRY(sink.write(0, base::view_of(schema)));
  return Receipt{};
}

Result<void> SqliteDatabase::count(std::vector<Object>& objects, std::stop_token stop) {
  TRY_DURING(doing("read"), count_rows(*snapshot_, objects, stop));
  for (const Watch& one : watches_) {
    const auto show = [&](const Row& row) { return one.row(row.values(one.columns.size())); };
    TRY_DURING(doing("read"), snapshot_->for_each(select_of(one.table, one.columns), show));
  }
  return {};
}

Result<std::unique_ptr<Database>> open_database(const Address& address,
                                                const ReadOptions& options) {
  const std::string path = TRY(path_of(address.url));
  if (!options.choice.everything()) {
    return fail(Error{Errc::unsupported, "back up some tables of " + path,
                      "an SQLite file is backed up as a whole: leave out --table and "
                      "--exclude-table"});
  }
  return std::make_unique<SqliteDatabase>(path);
}

}  // namespace stillpoint::database::sqlite

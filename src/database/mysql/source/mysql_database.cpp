// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/source/mysql_database.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "base/text.h"
#include "database/look_up.h"
#include "database/mysql/session/location.h"
#include "database/mysql/session/server_error.h"
#include "database/mysql/source/hold.h"
#include "database/mysql/source/selection.h"

namespace stillpoint::database::mysql {
namespace {

constexpr int listings_max = 5;
constexpr unsigned newest_mariadb = 110899;
constexpr unsigned newest_mysql = 90799;
constexpr std::chrono::seconds gtid_time{3};

// The table of that name, which has these columns.
Result<const Table*> find_columns(const Inventory& inventory, const std::string& name,
                                  const std::vector<std::string>& columns) {
  for (const Table& table : inventory.tables) {
    if (table.shown() != name) continue;
    TRY(positions_of(columns, table.column_names(), name));
    return &table;
  }
  return fail(Errc::not_found, "there is no table {}", base::printable(name));
}

unsigned readers_wanted(const ReadOptions& options) {
  constexpr unsigned at_least = 2;  // one reads while the other is waited for
  if (options.readers != 0) return options.readers;
  return std::max(at_least, std::thread::hardware_concurrency());
}

std::vector<const Table*> chosen_tables(const Inventory& inventory) {
  std::vector<const Table*> chosen;
  for (const Table& table : inventory.tables) {
    if (table.chosen && table.has_rows()) chosen.push_back(&table);
  }
  return chosen;
}

}  // namespace

// Says goodbye, so that no lock outlives us for the moment that the server takes to notice.
MysqlDatabase::~MysqlDatabase() {
  if (read_lock_) (void)read_lock_->release();
  reader_.reset();
  if (!holder_ || !holder_->usable()) return;
  holder_->obey({});
  holder_->limit(base::Deadline(std::chrono::seconds(1)));
  (void)holder_->execute("ROLLBACK");
}

std::string MysqlDatabase::url() const {
  return shown_url(address_.url);
}

Result<void> MysqlDatabase::prepare(std::stop_token stop) {
  TRY(connect(stop));
  settings_ = TRY_DURING("read the server's settings", read_settings(*marks_, identity_));
  TRY(list_and_touch());
  TRY(refuse_unlockable());
  ways_ = ways_for(identity_, grants_);
  // MySQL's FLUSH TABLES waits for tables that we hold ourselves, and all others wait behind it.
  const bool own_way = read_lock_ && !identity_.mariadb;
  if (own_way) ways_ = {Way::one};
  const unsigned wanted = ways_.size() == 1 ? 1 : readers_wanted(options_);
  reader_ = TRY(TableReader::connect(*holder_, identity_, wanted, options_.snapshot_max, stop));
  if (reader_->sessions() < wanted) {
    warnings_.push_back(
        fmt::format("the server has connections for {} readers only", reader_->sessions()));
  }
  if (ways_.size() == 1 && !own_way) explain_readers();
  definitions_ = TRY(read_definitions(*marks_, inventory_));
  listed_ = inventory_;
  for (Statement& one : definitions_) {
    one.what =
        &listed_.definitions[static_cast<std::size_t>(one.what - inventory_.definitions.data())];
  }
  marks_->obey({});
  holder_->obey({});
  return {};
}

Result<void> MysqlDatabase::connect(const std::stop_token& stop) {
  holder_ = TRY(Connection::connect(address_, {.stop = stop}));
  identity_ = TRY(identify_server(*holder_));
  if (identity_.version > (identity_.mariadb ? newest_mariadb : newest_mysql)) {
    warnings_.push_back("the server " + holder_->version_text() + " is newer than what was tested");
  }
  marks_ = TRY(Connection::connect({}, {.like = &*holder_, .stop = stop}));
  TRY(check_same_server(*marks_, identity_));
  grants_ = TRY(read_grants(*marks_));
  if (identity_.replica) warnings_.emplace_back("it is a replica: it may be behind its primary");
  // No snapshot, and none that is kept: it only touches tables.
  const auto time = std::chrono::ceil<std::chrono::seconds>(options_.snapshot_max).count();
  return holder_->execute(
      fmt::format("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;"
                  "SET SESSION wait_timeout = {}",
                  std::clamp<long long>(time, 1, 31'536'000)));
}

// Between listing and touching, tables may go and come.
Result<void> MysqlDatabase::list_and_touch() {
  for (int listing = 1;; ++listing) {
    Result<void> touched = list_and_touch_once();
    if (touched || listing == listings_max || touched.error().code != Errc::not_found ||
        holder_->last_number() != er_no_such_table) {
      return touched;
    }
    TRY(holder_->execute("ROLLBACK"));
  }
}

Result<void> MysqlDatabase::take_listing() {
  inventory_ = TRY(take_inventory(*marks_, marks_->location().schemas));
  choice_warnings_ = TRY(apply_choice(inventory_, options_.choice));
  return {};
}

Result<void> MysqlDatabase::list_and_touch_once() {
  TRY(take_listing());
  std::vector<std::string> schemas;
  for (const Schema& schema : inventory_.schemas) schemas.push_back(schema.name);
  TRY(check_privileges(*marks_, identity_, grants_, schemas, marks_->location().with_users));
  TRY(holder_->execute("START TRANSACTION READ ONLY"));
  return touch_tables(*holder_, *marks_, chosen_tables(inventory_),
                      base::Deadline(options_.lock_wait));
}

// A backup that is consistent but for some tables is not consistent.
Result<void> MysqlDatabase::refuse_unlockable() {
  const std::vector<const Table*> tables = tables_without_transactions(inventory_);
  if (tables.empty()) return {};
  std::vector<std::string> names;
  for (const Table* table : tables) names.push_back(table->shown() + " (" + table->engine + ")");
  const std::string all = base::join(names, ", ");
  if (!marks_->location().lock_nontransactional) {
    return fail(
        Error{Errc::unsupported,
              "no snapshot holds the rows of tables whose engine has no transactions: " + all,
              "ALTER TABLE … ENGINE=InnoDB, or leave them out, or add "
              "lock_nontransactional=1 to the URL: they are then locked against writes "
              "until they have been read"});
  }
  warnings_.push_back("writers to these tables wait until they have been read: " + all +
                      (identity_.mariadb ? "" : "; one session reads everything"));
  read_lock_.emplace(TRY(Connection::connect({}, {.like = &*holder_})));
  return {};
}

void MysqlDatabase::explain_readers() {
  if (readers_wanted(options_) == 1) return;
  const std::string account = account_of(*marks_).value_or("the user");
  std::string why =
      "one session reads everything, since several could not be shown to see the "
      "same: ";
  why += identity_.log_doubt.empty() ? "the user lacks a right" : identity_.log_doubt;
  if (identity_.mariadb && !identity_.log_right.empty()) {
    why += "; GRANT " + identity_.log_right + " ON *.* TO " + account + "; would do";
  } else {
    why += "; GRANT RELOAD ON *.* TO " + account +
           "; would allow to keep commits waiting for a few milliseconds instead";
  }
  warnings_.push_back(why);
}

bool MysqlDatabase::can_mark() const {
  return identity_.mariadb && identity_.log_sees_all;
}

Capabilities MysqlDatabase::capabilities() const {
  Capabilities can;
  can.snapshot = true;
  can.write_mark = can_mark();
  can.hold_writes = !identity_.replica && !identity_.cluster;
  can.choice = true;
  can.behind = identity_.replica || identity_.cluster;
  can.readers = reader_ ? reader_->sessions() : 1;
  return can;
}

std::uint64_t MysqlDatabase::bytes_estimate() const {
  std::uint64_t bytes = 0;
  for (const Table& table : inventory_.tables) bytes += table.chosen ? table.bytes : 0;
  return bytes;
}

std::vector<std::string> MysqlDatabase::warnings() const {
  std::vector<std::string> all = warnings_;
  all.insert(all.end(), choice_warnings_.begin(), choice_warnings_.end());
  return all;
}

Result<std::string> MysqlDatabase::write_mark() {
  if (!identity_.mariadb) {
    return fail(
        Error{Errc::unsupported,
              "nothing tells whether anybody wrote: the end of MySQL's log runs ahead of what "
              "is committed",
              "pause the application, or hold the writes"});
  }
  if (!can_mark()) {
    return fail(Error{Errc::unsupported,
                      "nothing tells whether anybody wrote: " + identity_.log_doubt,
                      "turn the binary log on, or pause the application"});
  }
  return log_end(*marks_);
}

Result<std::unique_ptr<Hold>> MysqlDatabase::prepare_hold(const std::vector<std::string>& tables,
                                                          base::Duration hold_max) {
  return mysql::prepare_hold(*holder_, *marks_, identity_, tables, hold_max);
}

Result<std::vector<Values>> MysqlDatabase::look_up(const std::string& table,
                                                   const std::vector<std::string>& columns,
                                                   std::size_t rows_max) {
  const Table* found = TRY(find_columns(inventory_, table, columns));
  std::vector<std::string> quoted;
  for (const std::string& column : columns) quoted.push_back(quote_name(column));
  return database::look_up(*marks_,
                           "SELECT " + base::join(quoted, ", ") + " FROM " + found->quoted(), table,
                           columns.size(), rows_max);
}

Result<void> MysqlDatabase::watch(std::vector<Watch> watches) {
  for (Watch& one : watches) {
    const Table* found = TRY(find_columns(inventory_, one.table, one.columns));
    if (!found->chosen || !found->has_rows()) {
      return fail(Errc::not_found, "the rows of {} are not in the backup",
                  base::printable(one.table));
    }
    const std::string name = one.table;
    if (watches_.emplace(name, std::move(one)).second) continue;
    return fail(Errc::invalid, "{} is watched twice", base::printable(name));
  }
  return {};
}

Result<void> MysqlDatabase::open(base::Deadline deadline) {
  if (read_lock_) {
    TRY(read_lock_->lock(*marks_, tables_without_transactions(inventory_), deadline,
                         options_.snapshot_max));
  }
  opened_ = TRY_DURING("open the snapshot", reader_->open(*marks_, identity_, ways_, deadline));
  note_opening(opened_);
  return {};
}

void MysqlDatabase::note_opening(const Opened& opened) {
  settings_.push_back({"snapshot_way", std::string(name_of(opened.way))});
  settings_.push_back({"snapshot_rounds", std::to_string(opened.rounds)});
  if (opened.lock_attempts > 0) {
    settings_.push_back({"snapshot_lock_attempts", std::to_string(opened.lock_attempts)});
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(opened.held).count();
    settings_.push_back({"snapshot_lock_us", std::to_string(us)});
  }
  const bool gave_up = opened.way == Way::one && ways_.size() > 1 && readers_wanted(options_) > 1;
  if (!gave_up) return;
  warnings_.push_back(fmt::format(
      "{} of {} sessions see the same snapshot: the server is written to too fast, or a long "
      "statement kept the lock away",
      opened.sessions, readers_wanted(options_)));
}

Result<void> MysqlDatabase::confirm() {
  if (confirmed_) return {};
  TRY_DURING("open the snapshot", reader_->confirm(identity_, opened_));
  confirmed_ = true;
  return {};
}

Result<RestorePoint> MysqlDatabase::point(const Window&) {
  TRY(confirm());
  if (opened_.log_file.empty()) return RestorePoint{"snapshot", ""};
  const std::string place = opened_.log_file + ":" + opened_.log_position;
  std::string gtids = opened_.gtids;
  if (identity_.mariadb) {
    // The server reads the log up to there: it may not take long.
    marks_->limit(base::Deadline(gtid_time));
    gtids = marks_
                ->value("SELECT BINLOG_GTID_POS(" + quote_text(opened_.log_file) + ", " +
                        opened_.log_position + ")")
                .value_or("");
    marks_->unlimit();
  }
  return RestorePoint{"snapshot", gtids.empty() ? place : gtids + " at " + place};
}

Result<Receipt> MysqlDatabase::read(const Part& part, Sink& sink, std::stop_token stop) {
  const auto found = sources_.find(part.path);
  if (found == sources_.end()) {
    return fail(Errc::internal, "the database has no part {}", part.path);
  }
  const Source& source = found->second;
  if (source.table == nullptr) {
    if (!source.text.empty()) TRY(sink.write(0, base::view_of(source.text)));
    if (stop.stop_requested()) return fail(Errc::cancelled, "stopped on request");
    return Receipt();
  }
  const std::string name = source.table->shown();
  const Receipt receipt = TRY_DURING(
      "read " + name,
      reader_->read(*source.table, source.range, sink,
                    watches_.contains(name) ? &watches_.at(name) : nullptr, std::move(stop)));
  TRY(one_read(*source.table));
  return receipt;
}

// Once all that needs the read lock has been read, writers may go on.
Result<void> MysqlDatabase::one_read(const Table& table) {
  if (table.transactional()) return {};
  const std::lock_guard lock(read_lock_mutex_);
  if (!read_lock_ || locked_parts_left_ == 0 || --locked_parts_left_ > 0) return {};
  TRY(read_lock_->release());
  warnings_.push_back("writers to tables without transactions had to wait for " +
                      base::display_duration(read_lock_->held()));
  return {};
}

// Every part told its rows.
Result<void> MysqlDatabase::count(std::vector<Object>&, std::stop_token stop) {
  if (stop.stop_requested()) return fail(Errc::cancelled, "stopped on request");
  return {};
}

Result<std::unique_ptr<Database>> open_database(const Address& address,
                                                const ReadOptions& options) {
  const Location location = TRY(parse_url(address.url));
  if (!location.suffix.empty()) {
    return fail(Error{Errc::invalid, "the URL has a suffix, which is for restores",
                      "name the schemas in full"});
  }
  return std::make_unique<MysqlDatabase>(address, options);
}

}  // namespace stillpoint::database::mysql

// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/source/postgresql_database.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/text.h"
#include "database/look_up.h"
#include "database/postgresql/session/location.h"
#include "database/postgresql/source/hold.h"
#include "database/postgresql/source/privileges.h"
#include "database/postgresql/source/selection.h"
#include "database/postgresql/source/table_locks.h"

namespace stillpoint::database::postgresql {
namespace {

constexpr std::chrono::seconds replay_time{60};
constexpr std::chrono::minutes listing_time{10};
constexpr int listings_max = 5;
constexpr int newest_version = 17;

// The table of that name, which has these columns.
Result<const Table*> find_columns(const Inventory& inventory, const std::string& name,
                                  const std::vector<std::string>& columns) {
  for (const Table& table : inventory.tables) {
    if (table.shown() != name) continue;
    TRY(positions_of(columns, table.columns, name));
    return &table;
  }
  return fail(Errc::not_found, "there is no table {}", base::printable(name));
}

Result<void> check_watchable(const Table& table) {
  if (table.rows_chosen && table.condition.empty()) return {};
  return fail(Errc::not_found, "not all rows of {} are in the backup",
              base::printable(table.shown()));
}

unsigned readers_wanted(const ReadOptions& options) {
  constexpr unsigned at_least = 2;  // one reads while the other is waited for
  if (options.readers != 0) return options.readers;
  return std::max(at_least, std::thread::hardware_concurrency());
}

std::string current_snapshot(const ServerIdentity& identity) {
  return identity.version >= 130000 ? "pg_current_snapshot()" : "txid_current_snapshot()";
}

// Opens the snapshot of a transaction that has none, and tells where it is.
std::string opening_sql(const ServerIdentity& identity) {
  return "SELECT " + current_snapshot(identity) +
         ", CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() "
         "ELSE pg_current_wal_lsn() END";
}

}  // namespace

// Says goodbye, so that no lock outlives us for the moment that the server takes to notice.
PostgresqlDatabase::~PostgresqlDatabase() {
  schema_.reset();
  reader_.reset();
  if (!holder_ || !holder_->usable()) return;
  holder_->obey({});
  holder_->limit(base::Deadline(std::chrono::seconds(1)));
  (void)holder_->execute("ROLLBACK");
}

std::string PostgresqlDatabase::url() const {
  return shown_url(address_.url);
}

Result<void> PostgresqlDatabase::prepare(std::stop_token stop) {
  TRY(connect(stop));
  if (identity_.standby) {
    warnings_ = TRY(wait_for_replay(*marks_, base::Deadline(replay_time), stop));
  }
  settings_ = TRY(read_settings(*marks_, identity_));
  const Row size = TRY(marks_->row("SELECT pg_database_size(current_database())"));
  bytes_ = static_cast<std::uint64_t>(size.number(0));
  if (!options_.rows_only) TRY(find_programs(stop));
  reader_ = TRY(TableReader::connect(*holder_, readers_wanted(options_), stop));
  if (reader_->sessions() < readers_wanted(options_)) {
    warnings_.push_back(
        fmt::format("the server has connections for {} readers only", reader_->sessions()));
  }
  return list_and_lock();
}

Result<void> PostgresqlDatabase::connect(const std::stop_token& stop) {
  holder_ = TRY(Connection::connect(address_, {.stop = stop}));
  identity_ = TRY(identify_server(*holder_));
  if (identity_.version / 10000 > newest_version) {
    warnings_.push_back(fmt::format("PostgreSQL {} is newer than what was tested ({})",
                                    identity_.version / 10000, newest_version));
  }
  marks_ = TRY(Connection::connect({}, {.like = &*holder_, .stop = stop}));
  target_ = target_of(*holder_);
  // Whatever becomes of us, the server does not keep the snapshot forever.
  const auto time = std::chrono::ceil<std::chrono::milliseconds>(options_.snapshot_max).count();
  TRY(holder_->execute(fmt::format("SET idle_in_transaction_session_timeout = {}",
                                   std::min<long long>(time, 2'147'483'647))));
  return {};
}

Result<void> PostgresqlDatabase::find_programs(const std::stop_token& stop) {
  tools_ = TRY(find_client_tools(identity_.version));
  for (const bool roles : {true, false}) {
    auto text = dump_globals(tools_, target_, identity_.database, roles, stop);
    if (text) {
      (roles ? roles_ : tablespaces_) = std::move(*text);
      continue;
    }
    if (text.error().code == Errc::cancelled) return fail(std::move(text.error()));
    warnings_.push_back(std::string(roles ? "the roles" : "the tablespaces") +
                        " of the server are not in the backup: " + text.error().message);
  }
  return {};
}

// Between listing and locking, tables may go and come.
Result<void> PostgresqlDatabase::list_and_lock() {
  for (int listing = 1;; ++listing) {
    Result<void> locked = list_and_lock_once();
    if (locked || listing == listings_max || locked.error().code != Errc::not_found ||
        holder_->last_state().empty()) {
      return locked;
    }
    TRY(holder_->execute("ROLLBACK"));
  }
}

Result<void> PostgresqlDatabase::list_and_lock_once() {
  marks_->limit(base::Deadline(listing_time));
  inventory_ = TRY(take_inventory(*marks_));
  choice_warnings_ = TRY(apply_choice(inventory_, options_.choice));
  TRY(check_privileges(*marks_, inventory_));
  marks_->unlimit();
  TRY(holder_->execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"));
  return lock_tables(*holder_, *marks_, inventory_, base::Deadline(options_.lock_wait));
}

Capabilities PostgresqlDatabase::capabilities() const {
  Capabilities can;
  can.snapshot = true;
  can.write_mark = true;
  can.hold_writes = !identity_.standby;
  can.choice = true;
  can.behind = identity_.standby;
  can.readers = reader_ ? reader_->sessions() : 1;
  return can;
}

std::vector<std::string> PostgresqlDatabase::warnings() const {
  std::vector<std::string> all = warnings_;
  all.insert(all.end(), choice_warnings_.begin(), choice_warnings_.end());
  if (!schema_) return all;
  for (std::string& warning : schema_->warnings()) all.push_back(std::move(warning));
  return all;
}

// The whole of it: an older transaction that commits moves xmin and the list, not xmax.
Result<std::string> PostgresqlDatabase::write_mark() {
  return marks_->value("SELECT " + current_snapshot(identity_));
}

Result<std::unique_ptr<Hold>> PostgresqlDatabase::prepare_hold(
    const std::vector<std::string>& tables, base::Duration hold_max) {
  return postgresql::prepare_hold(*holder_, *marks_, identity_, tables, hold_max);
}

Result<std::vector<Values>> PostgresqlDatabase::look_up(const std::string& table,
                                                        const std::vector<std::string>& columns,
                                                        std::size_t rows_max) {
  const Table* found = TRY(find_columns(inventory_, table, columns));
  std::vector<std::string> quoted;
  for (const std::string& column : columns) quoted.push_back(quote_name(column) + "::text");
  return database::look_up(*marks_,
                           "SELECT " + base::join(quoted, ", ") + " FROM " + found->quoted(), table,
                           columns.size(), rows_max);
}

// The rows of a partitioned table are those of its partitions.
Result<void> PostgresqlDatabase::watch(std::vector<Watch> watches) {
  for (const Watch& one : watches) {
    const Table* found = TRY(find_columns(inventory_, one.table, one.columns));
    for (const Table& table : inventory_.tables) {
      if (table.partitioned || !inventory_.within(table, *found)) continue;
      TRY(check_watchable(table));
      if (watches_.emplace(table.shown(), one).second) continue;
      return fail(Errc::invalid, "{} is watched twice", base::printable(table.shown()));
    }
  }
  return {};
}

const Watch* PostgresqlDatabase::watch_of(const std::string& table) const {
  const auto at = watches_.find(table);
  return at == watches_.end() ? nullptr : &at->second;
}

Result<void> PostgresqlDatabase::open(base::Deadline deadline) {
  holder_->limit(deadline);
  const auto row = holder_->row(opening_sql(identity_));
  holder_->unlimit();
  if (!row) return fail(Error(row.error()).during("open the snapshot"));
  position_ = row->text(0) + " at " + row->text(1);
  reader_->open(options_.snapshot_max);
  return {};
}

// For the readers and pg_dump; nobody has to wait for it.
Result<void> PostgresqlDatabase::confirm() {
  if (!snapshot_.empty()) return {};
  snapshot_ = TRY_DURING("export the snapshot", holder_->value("SELECT pg_export_snapshot()"));
  reader_->exported(snapshot_);
  return {};
}

Result<RestorePoint> PostgresqlDatabase::point(const Window&) {
  return RestorePoint{"snapshot", position_};
}

Result<Receipt> PostgresqlDatabase::read(const Part& part, Sink& sink, std::stop_token stop) {
  const auto found = sources_.find(part.path);
  if (found == sources_.end()) {
    return fail(Errc::internal, "the database has no part {}", part.path);
  }
  const Source& source = found->second;
  const auto write = [&](std::string_view text) -> Result<Receipt> {
    if (!text.empty()) TRY(sink.write(0, base::view_of(text)));
    return Receipt();
  };
  switch (source.what) {
    case Source::What::text:
      return write(source.text);
    case Source::What::pre_data:
      return write(TRY_DURING("dump the schema", schema_->wait(stop))->pre_data);
    case Source::What::post_data:
      return write(TRY_DURING("dump the schema", schema_->wait(stop))->post_data);
    case Source::What::rows:
      return reader_->read(*source.table, source.range, sink, watch_of(source.table->shown()),
                           stop);
    case Source::What::large_objects:
      return read_large_objects(sink, stop);
    case Source::What::archive:
      break;
  }
  const Schema* schema = TRY_DURING("dump the schema", schema_->wait(stop));
  Bytes piece(std::size_t{256} * 1024);
  for (std::uint64_t at = 0; at < schema->archive_bytes;) {
    const std::size_t size = TRY(schema->archive.read_at(piece, at));
    if (size == 0) return fail(Errc::internal, "the schema's archive is shorter than it was");
    TRY(sink.write(at, ByteView(piece).first(size)));
    at += size;
  }
  return Receipt();
}

Result<Receipt> PostgresqlDatabase::read_large_objects(Sink& sink, std::stop_token stop) {
  TRY_DURING("dump the schema", schema_->wait(stop));  // one pg_dump at a time, one connection
  std::uint64_t at = 0;
  const auto hand_on = [&](ByteView bytes) -> Result<void> {
    TRY(sink.write(at, bytes));
    at += bytes.size();
    return {};
  };
  TRY_DURING("dump the large objects",
             run_client_tool(tools_, "pg_dump",
                             {"--format=custom", "--compress=0", "--section=data", "--blobs",
                              "--exclude-table=*.*", "--snapshot=" + snapshot_},
                             target_, hand_on, std::move(stop)));
  return Receipt();
}

// Every part told its rows.
Result<void> PostgresqlDatabase::count(std::vector<Object>&, std::stop_token stop) {
  if (stop.stop_requested()) return fail(Errc::cancelled, "stopped on request");
  return {};  // the receipts have told it
}

Result<std::unique_ptr<Database>> open_database(const Address& address,
                                                const ReadOptions& options) {
  TRY(check_url(address.url));
  return std::make_unique<PostgresqlDatabase>(address, options);
}

}  // namespace stillpoint::database::postgresql

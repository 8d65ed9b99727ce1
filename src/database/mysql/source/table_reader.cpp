// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/source/table_reader.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/limits.h"
#include "base/text.h"
#include "database/mysql/session/server_error.h"
#include "database/mysql/source/row_text.h"
#include "database/row_sum.h"

namespace stillpoint::database::mysql {
namespace {

constexpr std::size_t piece_bytes = 512 * limits::KiB;

// Gathers rows into pieces.
class Gatherer {
 public:
  Gatherer(Sink& sink, const Watch* watch, std::vector<std::size_t> positions)
      : sink_(sink), watch_(watch), positions_(std::move(positions)), shown_(positions_.size()) {}

  Result<void> add(const Cells& row) {
    if (watch_ != nullptr) TRY(show(row));
    const std::size_t before = piece_.size();
    append_row(piece_, row);
    sum_.add_row(ByteView(piece_).subspan(before));
    return piece_.size() >= piece_bytes ? flush() : Result<void>();
  }
  Result<void> flush() {
    if (piece_.empty()) return {};
    TRY(sink_.write(offset_, piece_));
    offset_ += piece_.size();
    piece_.clear();
    if (piece_.capacity() > 4 * piece_bytes) piece_.shrink_to_fit();
    return {};
  }
  Receipt receipt() const { return sum_.receipt(); }

 private:
  Result<void> show(const Cells& row) {
    for (std::size_t i = 0; i < positions_.size(); ++i) {
      const char* value = row.values[positions_[i]];
      shown_[i] =
          value == nullptr ? Value() : Value(std::string_view(value, row.lengths[positions_[i]]));
    }
    return watch_->row(shown_);
  }

  Sink& sink_;
  const Watch* watch_;
  std::vector<std::size_t> positions_;  // of what it wants
  std::vector<Value> shown_;
  Bytes piece_;
  std::uint64_t offset_ = 0;
  RowSum sum_;
};

Result<std::vector<std::size_t>> watched_positions(const Watch& watch, const Table& table) {
  return positions_of(watch.columns, table.column_names(), watch.table);
}

}  // namespace

Result<std::unique_ptr<TableReader>> TableReader::connect(Connection& holder,
                                                          const ServerIdentity& identity,
                                                          unsigned count, base::Duration open_max,
                                                          std::stop_token stop) {
  auto reader = std::make_unique<TableReader>();
  reader->open_max_ = open_max;
  const auto time = std::chrono::ceil<std::chrono::seconds>(open_max).count();
  for (unsigned i = 0; i < count; ++i) {
    auto session = Connection::connect({}, {.like = &holder, .stop = stop});
    if (!session) {
      const bool full = session.error().code == Errc::unavailable && !reader->all_.empty();
      if (full) break;
      return fail(std::move(session.error()).during("connect to read"));
    }
    TRY(check_same_server(*session, identity));
    // Values come as they are stored. Whatever becomes of us, the server does not keep the snapshot
    // forever.
    TRY(session->execute(
        fmt::format("SET SESSION character_set_results = binary, wait_timeout = {}",
                    std::clamp<long long>(time, 1, 31'536'000))));
    TRY_DURING("rehearse the snapshot", rehearse_snapshot(*session, identity));
    session->obey({});
    reader->all_.push_back(std::make_unique<Connection>(std::move(*session)));
  }
  return reader;
}

Result<Opened> TableReader::open(Connection& control, const ServerIdentity& identity,
                                 const std::vector<Way>& ways, base::Deadline deadline) {
  Opened opened = TRY(open_snapshot(all_, control, identity, ways, deadline));
  all_.resize(opened.sessions);
  for (const auto& session : all_) free_.insert(session.get());
  deadline_ = base::Deadline(open_max_);
  return opened;
}

Result<Connection*> TableReader::lease(std::stop_token stop, Connection* wanted) {
  std::unique_lock lock(free_mutex_);
  const auto there = [&] { return wanted == nullptr ? !free_.empty() : free_.contains(wanted); };
  if (!free_changed_.wait(lock, std::move(stop), there)) {
    return fail(Errc::cancelled, "stopped on request");
  }
  Connection* session = wanted;
  if (session == nullptr) {
    // The first one is kept for those who need it.
    const auto other = std::find_if(free_.begin(), free_.end(),
                                    [&](Connection* one) { return one != all_.front().get(); });
    session = other == free_.end() ? *free_.begin() : *other;
  }
  free_.erase(session);
  return session;
}

void TableReader::give_back(Connection* session) {
  session->obey({});
  session->unlimit();
  {
    const std::lock_guard lock(free_mutex_);
    free_.insert(session);
  }
  free_changed_.notify_all();
}

Error TableReader::explain(Error error, const Table& table, unsigned number) const {
  if (error.code == Errc::cancelled) return error;
  if (deadline_->passed()) {
    return Error{Errc::unavailable,
                 "the snapshot has been open for longer than " + base::display_duration(open_max_),
                 "use more readers or a faster repository, or allow more with --snapshot-max"};
  }
  if (number == er_table_def_changed) {
    return Error{Errc::unavailable,
                 table.shown() + " was altered after the snapshot had been opened",
                 "run the same command again"};
  }
  return error;
}

Result<Receipt> TableReader::read_on(Connection& session, const Table& table, const RowRange& range,
                                     Sink& sink, const Watch* watch, std::stop_token stop) const {
  session.obey(stop);
  session.limit(*deadline_);
  std::vector<std::size_t> positions;
  if (watch != nullptr) positions = TRY(watched_positions(*watch, table));
  Gatherer gatherer(sink, watch, std::move(positions));
  const auto streamed =
      session.stream(select_sql(table, range), [&](const Cells& row) { return gatherer.add(row); });
  if (!streamed) return fail(streamed.error());
  TRY(gatherer.flush());
  if (stop.stop_requested()) return fail(Errc::cancelled, "stopped on request");
  return gatherer.receipt();
}

Result<Receipt> TableReader::read(const Table& table, const RowRange& range, Sink& sink,
                                  const Watch* watch, std::stop_token stop) {
  Connection* wanted = nullptr;
  for (;;) {
    Connection* session = TRY(lease(stop, wanted));
    const bool is_first = session == all_.front().get();
    Result<Receipt> receipt = Receipt();
    Result<void> ready;
    if (!is_first) ready = session->execute("SET SESSION lock_wait_timeout = 1");
    if (ready) receipt = read_on(*session, table, range, sink, watch, stop);
    const unsigned number = session->last_number();
    give_back(session);
    if (!ready) return fail(std::move(ready.error()));
    if (receipt) return receipt;
    // Nothing was read: a metadata lock comes before the first row.
    if (number != er_lock_wait_timeout || is_first) {
      return fail(explain(std::move(receipt.error()), table, number));
    }
    wanted = all_.front().get();
  }
}

}  // namespace stillpoint::database::mysql

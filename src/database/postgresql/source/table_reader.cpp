// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/source/table_reader.h"

#include "base/limits.h"
#include "base/text.h"
#include "database/row_sum.h"

namespace stillpoint::database::postgresql {
namespace {

constexpr std::size_t piece_bytes = 512 * limits::KiB;

// Gathers rows into pieces.
class Gatherer {
 public:
  Gatherer(Sink& sink, std::optional<FieldPicker> picker)
      : sink_(sink), picker_(std::move(picker)) {}

  Result<void> add(ByteView row) {
    if (picker_) TRY(picker_->row(row));
    sum_.add_row(row);
    if (piece_.empty() && row.size() >= piece_bytes) return hand_on(row);
    base::append(piece_, row);
    return piece_.size() >= piece_bytes ? flush() : Result<void>();
  }
  Result<void> flush() {
    if (piece_.empty()) return {};
    TRY(hand_on(piece_));
    piece_.clear();
    return {};
  }
  Receipt receipt() const { return sum_.receipt(); }

 private:
  Result<void> hand_on(ByteView bytes) {
    TRY(sink_.write(offset_, bytes));
    offset_ += bytes.size();
    return {};
  }

  Sink& sink_;
  std::optional<FieldPicker> picker_;
  Bytes piece_;
  std::uint64_t offset_ = 0;
  RowSum sum_;
};

Result<std::optional<FieldPicker>> picker_of(const Watch* watch, const Table& table) {
  if (watch == nullptr) return std::nullopt;
  return FieldPicker(*watch, TRY(positions_of(watch->columns, table.columns, watch->table)));
}

}  // namespace

Result<std::unique_ptr<TableReader>> TableReader::connect(Connection& holder, unsigned count,
                                                          std::stop_token stop) {
  std::unique_ptr<TableReader> reader(new TableReader(holder));
  if (count == 1) return reader;
  for (unsigned i = 0; i < count; ++i) {
    auto session = Connection::connect({}, {.like = &holder, .stop = stop});
    if (!session) {
      if (session.error().code != Errc::unavailable) {
        return fail(std::move(session.error()).during("connect to read"));
      }
      if (!reader->all_.empty()) {  // pg_dump needs a connection, too
        reader->free_.pop_back();
        reader->all_.pop_back();
      }
      break;
    }
    reader->all_.push_back(std::make_unique<Connection>(std::move(*session)));
    reader->free_.push_back(reader->all_.back().get());
  }
  return reader;
}

void TableReader::open(base::Duration open_max) {
  open_max_ = open_max;
  deadline_ = base::Deadline(open_max);
}

Result<Connection*> TableReader::lease(std::stop_token stop) {
  std::unique_lock lock(free_mutex_);
  if (!free_changed_.wait(lock, std::move(stop), [&] { return !free_.empty(); })) {
    return fail(Errc::cancelled, "stopped on request");
  }
  Connection* session = free_.back();
  free_.pop_back();
  return session;
}

void TableReader::give_back(Connection* session) {
  session->obey({});
  session->unlimit();
  {
    const std::lock_guard lock(free_mutex_);
    free_.push_back(session);
  }
  free_changed_.notify_one();
}

Error TableReader::explain(Error error) const {
  if (!deadline_->passed() || error.code == Errc::cancelled) return error;
  return Error{Errc::unavailable,
               "the snapshot has been open for longer than " + base::display_duration(open_max_),
               "use more readers or a faster repository, or allow more with --snapshot-max"};
}

Result<Receipt> TableReader::copy(Connection& session, const Work& work,
                                  std::stop_token stop) const {
  session.obey(std::move(stop));
  session.limit(*deadline_);
  Gatherer gatherer(work.sink, TRY(picker_of(work.watch, work.table)));
  const auto copied = session.copy_out(copy_sql(work.table, work.range, session.server_encoding()),
                                       [&](ByteView row) { return gatherer.add(row); });
  if (!copied) return fail(explain(copied.error()));
  TRY(gatherer.flush());
  return gatherer.receipt();
}

Result<Receipt> TableReader::copy_by_holder(const Work& work, std::stop_token stop) {
  const std::lock_guard lock(holder_mutex_);
  const Result<Receipt> receipt = copy(holder_, work, std::move(stop));
  holder_.obey({});
  holder_.unlimit();
  return receipt;
}

Result<Receipt> TableReader::read(const Table& table, const PageRange& range, Sink& sink,
                                  const Watch* watch, std::stop_token stop) {
  const Work work{table, range, sink, watch};
  if (all_.empty()) return copy_by_holder(work, std::move(stop));
  Connection* session = TRY(lease(stop));
  struct Return {
    TableReader& reader;
    Connection* session;
    ~Return() { reader.give_back(session); }
  };
  const Return back{*this, session};
  session->obey(stop);
  session->limit(*deadline_);
  const Result<void> begun = session->execute(
      "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT " +
      quote_text(snapshot_) + "; LOCK TABLE ONLY " + table.quoted() +
      " IN ACCESS SHARE MODE NOWAIT");
  const bool refused = !begun && session->last_state() == "55P03";
  Result<Receipt> receipt = Receipt();
  if (begun) {
    receipt = copy(*session, work, stop);
  } else if (!refused) {
    receipt = fail(explain(begun.error()));
  }
  session->obey({});
  session->unlimit();
  // Gives the lock back; the holder keeps its own.
  const Result<void> ended = session->execute(begun && receipt ? "COMMIT" : "ROLLBACK");
  if (!refused) {
    if (receipt && !ended) return fail(ended.error());
    return receipt;
  }
  return copy_by_holder(work, std::move(stop));
}

}  // namespace stillpoint::database::postgresql

// SPDX-License-Identifier: Apache-2.0
#include "layer/scalardb/replay/replay.h"

#include <algorithm>
#include <charconv>

#include "layer/scalardb/transaction_id.h"

namespace stillpoint::layer::scalardb {
namespace {

constexpr std::size_t wrong_kinds = static_cast<std::size_t>(Wrong::image) + 1;
constexpr std::size_t suspects_max = 20;  // of each kind, for people

constexpr std::string_view prepared = "1";
constexpr std::string_view deleted = "2";
constexpr std::string_view committed = "3";
constexpr std::string_view aborted = "4";  // of coordinators alone

// What a watch of records asks for; the keys follow.
enum Column : std::size_t {
  tx_id,
  tx_state,
  tx_version,
  tx_prepared_at,
  tx_committed_at,
  before_tx_id,
  before_tx_state,
  before_tx_version,
  before_tx_committed_at,
  first_key,
};
const std::vector<std::string> record_columns = {
    "tx_id",           "tx_state",          "tx_version",
    "tx_prepared_at",  "tx_committed_at",   "before_tx_id",
    "before_tx_state", "before_tx_version", "before_tx_committed_at"};

std::int64_t number_of(const database::Value& value) {
  std::int64_t number = 0;
  if (value) std::from_chars(value->data(), value->data() + value->size(), number);
  return number;
}

// A transaction's facts, one after another, in the order of their kinds.
class Judge {
 public:
  Judge(const ReplayOptions& options, std::int64_t oldest_state)
      : unexpired_from_(std::chrono::floor<std::chrono::milliseconds>(options.at - options.expiry)
                            .time_since_epoch()
                            .count()),
        oldest_state_(oldest_state) {}

  template <class Suspected>
  void see(const Fact& fact, ReplayReport& report, const Suspected& suspected) {
    if (fact.transaction != transaction_) {
      transaction_ = fact.transaction;
      outcome_ = Outcome::none;
      unfinished_ = false;
    }
    switch (fact.kind()) {
      case FactKind::state_committed:
        outcome_ = Outcome::commit;
        return;
      case FactKind::state_aborted:  // where both are there, ScalarDB goes by committed
        if (outcome_ == Outcome::none) outcome_ = Outcome::abort;
        return;
      case FactKind::prepared:
      case FactKind::deleted:
        unfinished_ = true;
        ++fate(fact, report);
        return;
      case FactKind::committed:
      case FactKind::before:
        finished(fact, report, suspected);
        return;
    }
  }

 private:
  enum class Outcome { none, commit, abort };

  // Of an unfinished record, as the counter that counts it.
  std::uint64_t& fate(const Fact& fact, ReplayReport& report) const {
    if (outcome_ == Outcome::commit) return report.forward;
    if (outcome_ == Outcome::abort) return report.back;
    return fact.time < unexpired_from_ ? report.expired : report.unresolvable;
  }

  template <class Suspected>
  void finished(const Fact& fact, ReplayReport& report, const Suspected& suspected) const {
    const bool before = fact.kind() == FactKind::before;
    if (outcome_ == Outcome::commit) {
      if (!before) ++report.committed;
    } else if (outcome_ == Outcome::abort) {
      suspected(before ? Wrong::before_aborted : Wrong::aborted);
    } else if (unfinished_) {
      suspected(Wrong::torn);
    } else if (fact.time < oldest_state_) {
      ++report.older_than_states;
    } else {
      suspected(before ? Wrong::before_without_state : Wrong::without_state);
    }
  }

  const std::int64_t unexpired_from_;
  const std::int64_t oldest_state_;
  TransactionHash transaction_ = {};
  Outcome outcome_ = Outcome::none;
  bool unfinished_ = false;
};

}  // namespace

std::string_view name_of(Wrong wrong) {
  switch (wrong) {
    case Wrong::torn:
      return "torn";
    case Wrong::aborted:
      return "aborted";
    case Wrong::before_aborted:
      return "before_aborted";
    case Wrong::without_state:
      return "without_state";
    case Wrong::before_without_state:
      return "before_without_state";
    case Wrong::state:
      return "state";
    case Wrong::version:
      return "version";
    case Wrong::image:
      return "image";
  }
  return "torn";
}

Replay::Replay(ReplayOptions options) : options_(std::move(options)), seen_(options_) {
  seen_.with([](Seen& seen) { seen.report.wrong.resize(wrong_kinds); });
}

void Replay::Seen::suspect(Wrong wrong, std::uint64_t record, std::int64_t time) {
  if (report.wrong[static_cast<std::size_t>(wrong)]++ >= suspects_max) return;
  report.suspects.push_back({wrong, record, time});
}

database::Watch Replay::coordinator(const std::string& table, bool group_commit) {
  std::vector<std::string> columns = {"tx_id", "tx_state", "tx_created_at"};
  if (group_commit) columns.emplace_back("tx_child_ids");
  return {table, std::move(columns), [this](Values values) { return see_state(values); }};
}

database::Watch Replay::records(const std::string& table, const std::string& shown,
                                const std::vector<std::string>& keys) {
  std::vector<std::string> columns = record_columns;
  columns.insert(columns.end(), keys.begin(), keys.end());
  return {table, std::move(columns),
          [this, shown](Values values) { return see_record(shown, values); }};
}

Result<void> Replay::see_state(Values values) {
  if (!values[0] || (values[1] != committed && values[1] != aborted)) {
    return seen_.with([](Seen& seen) -> Result<void> {
      seen.suspect(Wrong::state, 0, 0);
      return {};
    });
  }
  const bool is_committed = values[1] == committed;
  const std::int64_t created_at = number_of(values[2]);
  const std::string_view id = *values[0];
  const std::string_view children = values.size() > 3 ? values[3].value_or("") : "";
  return seen_.with([&](Seen& seen) -> Result<void> {
    seen.oldest_state = std::min(seen.oldest_state, created_at);
    // A group's row without children says nothing of any: no record has its id.
    if (children.empty()) TRY(seen.facts.add(Fact::of_state(id, is_committed, created_at)));
    for (const std::string_view child : split_children(children)) {
      TRY(seen.facts.add(Fact::of_state(join_id(id, child), is_committed, created_at)));
    }
    ++seen.report.states;
    return {};
  });
}

Result<void> Replay::see_record(const std::string& shown, Values values) {
  const std::uint64_t record = record_hash(shown, values.subspan(first_key));
  return seen_.with([&](Seen& seen) -> Result<void> {
    if (!values[tx_id] && !values[tx_state]) {
      ++seen.report.imported;
      return {};
    }
    ++seen.report.records;
    if (values[tx_id] && values[tx_state] == committed) return see_committed(seen, record, values);
    if (values[tx_id] && values[tx_state] == prepared) {
      return see_unfinished(seen, record, FactKind::prepared, values);
    }
    if (values[tx_id] && values[tx_state] == deleted) {
      return see_unfinished(seen, record, FactKind::deleted, values);
    }
    seen.suspect(Wrong::state, record, number_of(values[tx_prepared_at]));
    return {};
  });
}

Result<void> Replay::see_committed(Seen& seen, std::uint64_t record, Values values) {
  const std::int64_t time = number_of(values[tx_committed_at]);
  if (values[before_tx_id] || values[before_tx_version]) seen.suspect(Wrong::image, record, time);
  if (number_of(values[tx_version]) < 1) seen.suspect(Wrong::version, record, time);
  return seen.facts.add(
      Fact::of_record(transaction_hash(*values[tx_id]), record, FactKind::committed, time));
}

// Without an image from before it was inserted; an image without a transaction was imported, and
// has version 0.
Result<void> Replay::see_unfinished(Seen& seen, std::uint64_t record, FactKind kind,
                                    Values values) {
  const std::int64_t time = number_of(values[tx_prepared_at]);
  const bool image = values[before_tx_id] || values[before_tx_version];
  const std::int64_t version_before = image ? number_of(values[before_tx_version]) : 0;
  if (number_of(values[tx_version]) != version_before + 1) {
    seen.suspect(Wrong::version, record, time);
  }
  TRY(seen.facts.add(Fact::of_record(transaction_hash(*values[tx_id]), record, kind, time)));
  if (!values[before_tx_id]) return {};
  if (values[before_tx_state] != committed) seen.suspect(Wrong::state, record, time);
  return seen.facts.add(Fact::of_record(transaction_hash(*values[before_tx_id]), record,
                                        FactKind::before,
                                        number_of(values[before_tx_committed_at])));
}

Result<ReplayReport> Replay::judge() {
  return seen_.with([&](Seen& seen) -> Result<ReplayReport> {
    Judge judge(options_, seen.oldest_state);
    TRY(seen.facts.merge([&](const Fact& fact) -> Result<void> {
      judge.see(fact, seen.report,
                [&](Wrong wrong) { seen.suspect(wrong, fact.record(), fact.time); });
      return {};
    }));
    return std::move(seen.report);
  });
}

}  // namespace stillpoint::layer::scalardb

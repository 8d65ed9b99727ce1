// SPDX-License-Identifier: Apache-2.0
#include "layer/scalardb/proof.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "layer/scalardb/transaction_id.h"

namespace stillpoint::layer::scalardb {
namespace {

constexpr std::size_t states_max = 4'000'000;
constexpr std::size_t waiting_max = 1'000'000;
constexpr std::size_t named_max = 3;
// A record's time of commit is its finaliser's clock, or the coordinator row's: a row may be older
// than its records.
constexpr std::int64_t state_margin_ms = 600'000;

constexpr std::string_view prepared = "1";
constexpr std::string_view deleted = "2";
constexpr std::string_view committed = "3";
constexpr std::string_view aborted = "4";

std::uint64_t hash_of(std::string_view id) {
  return std::hash<std::string_view>()(id);
}

std::int64_t number_of(const database::Value& value) {
  std::int64_t number = 0;
  if (value) std::from_chars(value->data(), value->data() + value->size(), number);
  return number;
}

std::int64_t milliseconds_since_1970(base::Time time) {
  return std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch().count();
}

template <class Records>
std::string named(const Records& records) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < std::min(records.size(), named_max); ++i) {
    texts.push_back(records[i].text());
  }
  std::string text = base::join(texts, "; ");
  if (records.size() > named_max) {
    text += "; and " + base::display_count(records.size() - named_max) + " more";
  }
  return text;
}

}  // namespace

std::string Proof::Record::text() const {
  return "record " + base::printable(key) + " of " + base::printable(table) + ", transaction " +
         base::printable(transaction);
}

std::int64_t Proof::oldest() const {
  return milliseconds_since_1970(cut_.begin - options_.horizon);
}

bool Proof::too_new(std::int64_t time) const {
  return cut_.paused && time > milliseconds_since_1970(cut_.begin + options_.clock_bound);
}

database::Watch Proof::coordinator(const std::string& table, const std::string& shown,
                                   bool group_commit) {
  std::vector<std::string> columns = {"tx_id", "tx_state", "tx_created_at"};
  if (group_commit) columns.emplace_back("tx_child_ids");
  return {table, std::move(columns),
          [this, shown](Values values) { return see_state(shown, values); }};
}

database::Watch Proof::records(const std::string& table, const std::string& shown,
                               const std::vector<std::string>& keys) {
  std::vector<std::string> columns = {"tx_id", "tx_state", "tx_prepared_at", "tx_committed_at"};
  columns.insert(columns.end(), keys.begin(), keys.end());
  return {table, std::move(columns),
          [this, shown](Values values) { return see_record(shown, values); }};
}

void Proof::decide(std::string_view id, State state) {
  if (states_.size() < states_max) {
    states_[hash_of(id)] = state;
  } else {
    overflow_ = true;
  }
}

Result<void> Proof::see_state(const std::string& shown, Values values) {
  const std::int64_t created = number_of(values[2]);
  if (!values[0] || !values[1] || created < oldest() - state_margin_ms) return {};
  const State state = *values[1] == committed ? State::committed : State::aborted;
  const std::string_view id = *values[0];
  const std::lock_guard lock(mutex_);
  if (too_new(created)) too_new_.push_back({shown, std::string(id), std::string(id)});
  const std::string_view children = values.size() > 3 ? values[3].value_or("") : "";
  if (children.empty()) {
    // A group's row without children is a mark that keeps the group from being committed, no more.
    decide(id, state);
    return {};
  }
  for (const std::string_view child : split_children(children)) {
    decide(std::string(id) + "$" + std::string(child), state);
  }
  return {};
}

Proof::Record Proof::record_of(std::string_view shown, Values values) {
  std::vector<std::string> keys;
  for (const database::Value& value : values.subspan(4)) keys.emplace_back(value.value_or("null"));
  return {std::string(shown), base::join(keys, ", "), std::string(*values[0])};
}

void Proof::expect(std::string_view shown, Values values) {
  ++checked_;
  const auto known = states_.find(hash_of(*values[0]));
  if (known == states_.end()) {
    if (waiting_.size() < waiting_max) {
      waiting_.push_back(record_of(shown, values));
    } else {
      overflow_ = true;
    }
  } else if (known->second == State::aborted) {
    contradicted_.push_back(record_of(shown, values));
  }
}

Result<void> Proof::see_record(const std::string& shown, Values values) {
  if (!values[0] || !values[1]) return {};  // imported: it never was in a transaction
  const std::string_view state = *values[1];
  if (state == committed) {
    if (number_of(values[3]) < oldest()) return {};
    const std::lock_guard lock(mutex_);
    expect(shown, values);
  } else if ((state == prepared || state == deleted) && too_new(number_of(values[2]))) {
    const std::lock_guard lock(mutex_);
    too_new_.push_back(record_of(shown, values));
  }
  return {};
}

std::vector<Finding> Proof::judge() {
  using Weight = Finding::Weight;
  const std::lock_guard lock(mutex_);
  std::vector<Record> without;
  for (Record& record : waiting_) {
    const auto known = states_.find(hash_of(record.transaction));
    if (known == states_.end()) {
      without.push_back(std::move(record));
    } else if (known->second == State::aborted) {
      contradicted_.push_back(std::move(record));
    }
  }
  std::vector<Finding> findings;
  if (!too_new_.empty()) {
    findings.push_back({Weight::contradicts_cut, "newer_than_pause",
                        "somebody was not paused: later than its beginning is " + named(too_new_)});
  }
  if (!contradicted_.empty()) {
    findings.push_back({Weight::contradicts_cut, "coordinator_rows",
                        "committed, although the coordinator says that it was aborted, is " +
                            named(contradicted_)});
  }
  if (!without.empty() && !overflow_) {
    findings.push_back(
        {Weight::leaves_doubt, "coordinator_rows",
         "committed of late without a row in the coordinator (in one phase, by another "
         "coordinator, or its row was cleaned up) is " +
             named(without)});
  }
  if (findings.empty()) {
    findings.push_back(
        {Weight::speaks_for, "coordinator_rows",
         fmt::format("{}{} records that were committed in the {} before have their rows in the "
                     "captured coordinator",
                     overflow_ ? "as far as was looked at (there are too many), " : "all ",
                     base::display_count(checked_ - without.size()),
                     base::display_duration(options_.horizon))});
  }
  return findings;
}

}  // namespace stillpoint::layer::scalardb

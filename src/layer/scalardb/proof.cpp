// SPDX-License-Identifier: Apache-2.0
#include "layer/scalardb/proof.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/text.h"
#include "layer/scalardb/transaction_id.h"

namespace stillpoint::layer::scalardb {
namespace {

constexpr std::size_t named_max = 3;
constexpr std::size_t unfinished_max = 100'000;  // without more, less is found, no more
constexpr std::size_t bytes_shown = 80;          // of a key
// From a transaction's preparation to its commit: states that much older than the records that are
// looked at are kept.
constexpr std::chrono::milliseconds commit_max = std::chrono::minutes(10);
// Where there are so many transactions that less than this can be looked at, it proves nothing.
constexpr std::chrono::milliseconds window_min = std::chrono::seconds(5);

constexpr std::string_view prepared = "1";
constexpr std::string_view deleted = "2";
constexpr std::string_view committed = "3";

// What a watch of records asks for; the keys follow.
enum Column : std::size_t {
  tx_id,
  tx_state,
  tx_prepared_at,
  tx_committed_at,
  before_tx_id,
  before_tx_prepared_at,
  before_tx_committed_at,
  first_key,
};
const std::vector<std::string> record_columns = {"tx_id",
                                                 "tx_state",
                                                 "tx_prepared_at",
                                                 "tx_committed_at",
                                                 "before_tx_id",
                                                 "before_tx_prepared_at",
                                                 "before_tx_committed_at"};

std::int64_t number_of(const database::Value& value) {
  std::int64_t number = 0;
  if (value) std::from_chars(value->data(), value->data() + value->size(), number);
  return number;
}

std::int64_t milliseconds_since_1970(base::Time time) {
  return std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch().count();
}

constexpr auto older = [](const auto& a, const auto& b) { return a.prepared_at < b.prepared_at; };

std::string shortened(std::string_view text) {
  return base::printable(text.substr(0, bytes_shown)) + (text.size() > bytes_shown ? "..." : "");
}

std::string record_text(const std::string& table, std::span<const database::Value> values,
                        std::size_t id) {
  std::vector<std::string> keys;
  for (const database::Value& key : values.subspan(first_key)) {
    keys.push_back(shortened(key.value_or("null")));
  }
  return "record " + base::join(keys, ", ") + " of " + base::printable(table) + ", transaction " +
         shortened(*values[id]);
}

std::vector<std::string> state_columns(bool group_commit) {
  std::vector<std::string> columns = {"tx_id", "tx_state", "tx_created_at"};
  if (group_commit) columns.emplace_back("tx_child_ids");
  return columns;
}

}  // namespace

void Proof::Named::add(std::string text) {
  if (first.size() < named_max) first.push_back(std::move(text));
  ++count;
}

std::string Proof::Named::text() const {
  const std::string text = base::join(first, "; ");
  return count == first.size()
             ? text
             : text + "; and " + base::display_count(count - first.size()) + " more";
}

void Proof::opened(const Cut& cut) {
  cut_ = cut;
  opened_ = true;
  oldest_ = milliseconds_since_1970(cut.begin - options_.horizon);
  oldest_state_ = oldest_ - commit_max.count();
  seen_.with([&](Seen& seen) { seen.states.raise_floor(oldest_state_); });
}

Result<void> Proof::check_opened() const {
  if (opened_) return {};
  return fail(Errc::internal, "a row was read before the snapshots were open");
}

bool Proof::too_new(std::int64_t time) const {
  return cut_.paused && time > milliseconds_since_1970(cut_.begin + options_.clock_bound);
}

database::Watch Proof::coordinator(const std::string& table, const std::string& shown,
                                   bool group_commit) {
  return {table, state_columns(group_commit),
          [this, shown](Values values) { return see_state(shown, values); }};
}

database::Watch Proof::coordinator_again(const std::string& table, const std::string& shown,
                                         bool group_commit) {
  return {table, state_columns(group_commit),
          [this, shown](Values values) { return see_state_again(shown, values); }};
}

database::Watch Proof::records(const std::string& table, const std::string& shown,
                               const std::vector<std::string>& keys) {
  std::vector<std::string> columns = record_columns;
  columns.insert(columns.end(), keys.begin(), keys.end());
  return {table, std::move(columns), [this, &shown = *tables_.insert(shown).first](Values values) {
            return see_record(shown, values);
          }};
}

Result<void> Proof::see_state(const std::string& shown, Values values) {
  TRY(check_opened());
  const std::int64_t created_at = number_of(values[2]);
  if (!values[0] || !values[1] || created_at < oldest_state_) return {};
  const State state = *values[1] == committed ? State::committed : State::aborted;
  const std::string_view id = *values[0];
  const std::string_view children = values.size() > 3 ? values[3].value_or("") : "";
  seen_.with([&](Seen& seen) {
    if (too_new(created_at)) {
      Named& named = state == State::committed ? seen.too_new : seen.aborted_in_pause;
      named.add("transaction " + shortened(id) + " in " + base::printable(shown));
    }
    if (!children.empty()) {
      for (const std::string_view child : split_children(children)) {
        seen.states.add(join_id(id, child), state, created_at);
      }
      return;
    }
    // With group commit: a group's row without children is a mark that keeps the group from being
    // committed, and says nothing of its children, who have other ids.
    seen.states.add(id, state, created_at);
  });
  return {};
}

// A state that the first snapshot does not have. ABORTED ones do no harm: what they are about was
// not committed before, and is not now.
Result<void> Proof::see_state_again(const std::string& shown, Values values) {
  TRY(check_opened());
  const std::int64_t created_at = number_of(values[2]);
  if (!values[0] || values[1] != committed || created_at < oldest_state_) return {};
  const std::string_view id = *values[0];
  const std::string_view children = values.size() > 3 ? values[3].value_or("") : "";
  seen_.with([&](Seen& seen) {
    if (created_at < seen.states.floor()) return;
    const auto look = [&](std::string_view whole) {
      if (seen.states.find(hash_of(whole))) return;
      seen.committed_meanwhile.add("transaction " + shortened(whole) + " in " +
                                   base::printable(shown));
    };
    if (children.empty()) look(id);
    for (const std::string_view child : split_children(children)) look(join_id(id, child));
  });
  return {};
}

Result<void> Proof::see_record(const std::string& shown, Values values) {
  TRY(check_opened());
  if (!values[tx_id] || !values[tx_state]) return {};  // imported: it never was in a transaction
  const std::string_view state = *values[tx_state];
  if (state == committed) {
    expect(shown, values, tx_id, number_of(values[tx_prepared_at]),
           number_of(values[tx_committed_at]));
  } else if (state == prepared || state == deleted) {
    see_unfinished(shown, values);
  }
  return {};
}

void Proof::see_unfinished(const std::string& shown, Values values) {
  const std::int64_t prepared_at = number_of(values[tx_prepared_at]);
  if (prepared_at >= oldest_state_) {
    seen_.with([&](Seen& seen) {
      if (too_new(prepared_at)) {
        seen.too_new.add(record_text(shown, values, tx_id));
      }
      if (seen.unfinished.size() < unfinished_max) seen.unfinished.insert(hash_of(*values[tx_id]));
    });
  }
  // What it was made from was committed.
  if (!values[before_tx_id]) return;
  expect(shown, values, before_tx_id, number_of(values[before_tx_prepared_at]),
         number_of(values[before_tx_committed_at]));
}

void Proof::expect(const std::string& shown, Values values, std::size_t id,
                   std::int64_t prepared_at, std::int64_t committed_at) {
  if (committed_at < oldest_) return;
  const std::string_view transaction = *values[id];
  seen_.with([&](Seen& seen) {
    const std::uint64_t hash = hash_of(transaction);
    if (seen.states.find(hash) == State::committed) {
      ++seen.with_state;
      return;
    }
    if (prepared_at < seen.floor) {
      ++seen.given_up;
      return;
    }
    seen.waiting.push_back({hash, prepared_at, prepared_at == committed_at, &shown,
                            std::make_unique<std::string>(record_text(shown, values, id))});
    if (++seen.texts > options_.texts_max) seen.forget_texts();
    if (seen.waiting.size() > options_.waiting_max) seen.make_room();
  });
}

std::string Proof::Write::name() const {
  return text ? *text : "a record of " + base::printable(*table);
}

// Those whose states have come meanwhile need not wait.
void Proof::Seen::settle() {
  std::erase_if(waiting, [&](const Write& write) {
    const std::optional<State> state = states.find(write.hash);
    if (!state) return false;
    *state == State::committed ? static_cast<void>(++with_state) : aborted.add(write.name());
    return true;
  });
}

// The newer half stays.
void Proof::Seen::make_room() {
  const std::size_t before = waiting.size();
  settle();
  if (waiting.size() <= before / 2) return;
  const auto middle = waiting.begin() + static_cast<std::ptrdiff_t>(waiting.size() / 2);
  std::nth_element(waiting.begin(), middle, waiting.end(), older);
  floor = std::max(floor, middle->prepared_at + 1);
  given_up += std::erase_if(waiting, [&](const Write& one) { return one.prepared_at < floor; });
}

void Proof::Seen::forget_texts() {
  const auto end = std::partition(waiting.begin(), waiting.end(),
                                  [](const Write& one) { return one.text != nullptr; });
  const auto max = texts;
  texts = static_cast<std::size_t>(end - waiting.begin());
  if (texts <= max / 2) return;
  const auto middle = waiting.begin() + static_cast<std::ptrdiff_t>(texts / 2);
  std::nth_element(waiting.begin(), middle, end, older);
  std::for_each(waiting.begin(), middle, [](Write& one) { one.text.reset(); });
  texts -= texts / 2;
}

// A write that was prepared then or later has its state among those that are known, if there is
// one.
std::int64_t Proof::comparable_from(const Seen& seen) const {
  return std::max(seen.states.floor() + options_.clock_bound.count(), seen.floor);
}

Proof::Missing Proof::judge_waiting(Seen& seen) const {
  seen.settle();
  std::partition(seen.waiting.begin(), seen.waiting.end(),
                 [](const Write& one) { return one.text != nullptr; });
  Missing missing;
  missing.given_up = seen.given_up;
  for (const Write& write : seen.waiting) {
    if (write.prepared_at < comparable_from(seen)) {
      ++missing.given_up;
    } else if (seen.unfinished.contains(write.hash)) {
      missing.torn.add(write.name());
    } else if (options_.one_phase_commit && write.as_in_one_phase) {
      ++missing.in_one_phase;
    } else {
      missing.others.add(write.name());
      missing.all_as_in_one_phase &= write.as_in_one_phase;
    }
  }
  return missing;
}

void Proof::judge_pause(const Seen& seen, std::vector<Finding>& findings) const {
  using Weight = Finding::Weight;
  if (!cut_.paused) return;
  if (seen.too_new.count > 0) {
    findings.push_back(
        {Weight::contradicts_cut, "newer_than_pause",
         "prepared or committed later than the pause began is " + seen.too_new.text()});
    return;
  }
  // They change no data. Recoveries in the background go on for a moment.
  if (seen.aborted_in_pause.count > 0) {
    findings.push_back({Weight::leaves_doubt, "newer_than_pause",
                        "aborted later than the pause began, by a recovery in the background or by "
                        "somebody who was not paused, is " +
                            seen.aborted_in_pause.text()});
    return;
  }
  if (cut_.end - cut_.begin <= options_.clock_bound) return;  // it could not be told
  findings.push_back({Weight::speaks_for, "prepared_records",
                      "nothing was prepared or committed later than " +
                          base::display_duration(options_.clock_bound) + " after the pause began"});
}

// What was compared, for people.
std::string Proof::comparison(const Seen& seen, const Missing& missing) const {
  const std::int64_t from = comparable_from(seen);
  std::string text;
  if (from > oldest_) {
    const std::chrono::milliseconds window(milliseconds_since_1970(cut_.begin) - from);
    text = fmt::format(
        "all {} records that were prepared in the {} before have their rows in the captured "
        "coordinator; there are too many to look further back",
        base::display_count(seen.with_state), base::display_duration(window));
  } else {
    text = fmt::format(
        "all {} records that were committed in the {} before have their rows in the captured "
        "coordinator",
        base::display_count(seen.with_state), base::display_duration(options_.horizon));
    if (missing.given_up > 0) {
      text += fmt::format(", but for {} that had been prepared long before",
                          base::display_count(missing.given_up));
    }
  }
  if (missing.in_one_phase > 0) {
    text += fmt::format("; {} records were committed in one phase",
                        base::display_count(missing.in_one_phase));
  }
  return text;
}

void Proof::judge_coordinator(const Seen& seen, const Missing& missing,
                              std::vector<Finding>& findings) const {
  using Weight = Finding::Weight;
  const auto find = [&](Weight weight, std::string text) {
    findings.push_back({weight, "coordinator_rows", std::move(text)});
  };
  if (seen.aborted.count > 0) {
    find(Weight::contradicts_cut,
         "committed, although the coordinator says that its transaction was aborted, is " +
             seen.aborted.text());
  }
  if (missing.torn.count > 0) {
    find(Weight::contradicts_cut,
         "committed, although other records of the same transaction are only prepared and the "
         "captured coordinator does not know it, is " +
             missing.torn.text());
  }
  if (missing.others.count > 0) {
    find(Weight::leaves_doubt,
         fmt::format("committed of late without a row in the captured coordinator ({}) is {}",
                     missing.all_as_in_one_phase && !options_.one_phase_commit
                         ? "as applications do that have one_phase_commit.enabled"
                         : "committed too late, by another coordinator, or its row was cleaned up",
                     missing.others.text()));
  }
  if (seen.aborted.count + missing.torn.count + missing.others.count > 0) return;
  const std::chrono::milliseconds window(milliseconds_since_1970(cut_.begin) -
                                         comparable_from(seen));
  if (window < std::min<std::chrono::milliseconds>(window_min, options_.horizon)) {
    find(Weight::leaves_doubt,
         "there are too many transactions to compare records with the coordinator");
    return;
  }
  find(Weight::speaks_for, comparison(seen, missing));
}

std::vector<Finding> Proof::judge() {
  return seen_.with([&](Seen& seen) {
    std::vector<Finding> findings;
    if (seen.committed_meanwhile.count > 0) {
      findings.push_back(
          {Finding::Weight::contradicts_cut, "coordinator_unchanged",
           "committed while the snapshots were opened is " + seen.committed_meanwhile.text()});
    }
    const Missing missing = judge_waiting(seen);
    judge_pause(seen, findings);
    judge_coordinator(seen, missing, findings);
    return findings;
  });
}

}  // namespace stillpoint::layer::scalardb

// SPDX-License-Identifier: Apache-2.0
// What records and coordinator rows say of the instant at which they were captured, collected while
// they are read. Every record that was committed of late has to have its row in the captured
// coordinator: one without was committed after the coordinator's snapshot (the cut is torn), in one
// phase (past the coordinator, so that no gate stops it), by another coordinator, or its row has
// been deleted since. And in a pause nobody may prepare or commit anything.
//
// What a record's own times can be trusted for: it was prepared before its transaction's state was
// made (tx_prepared_at <= tx_created_at; by different clocks in two-phase applications), and marked
// as committed after that (tx_created_at <= tx_committed_at). The latter may be any time later: a
// reader that recovers a record for itself writes its own time into the before-image of its own
// record. So `tx_committed_at` says what is of interest, and only `tx_prepared_at` says whether the
// state would be among those that are known.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/guarded.h"
#include "database/watch.h"
#include "layer/layer.h"
#include "layer/scalardb/known_states.h"

namespace stillpoint::layer::scalardb {

struct ProofOptions {
  // Records that were committed since then are looked at. Longer would see more, but coordinator
  // rows may be cleaned up.
  std::chrono::seconds horizon = std::chrono::minutes(5);
  // By how much applications' clocks may be ahead of ours. They follow NTP mostly, to some
  // milliseconds; a second is far more than that, and still less than pauses for services last that
  // know times only.
  std::chrono::milliseconds clock_bound = std::chrono::seconds(1);
  // It is known to be on: records that were committed so have no coordinator row.
  bool one_phase_commit = false;
  // Where there are more, less of the past is looked at: about 50 bytes each.
  std::size_t states_max = 1'000'000;
  std::size_t waiting_max = 1'000'000;
  // The newer half of those that wait keep the keys by which they would be named.
  std::size_t texts_max = 100'000;
};

// The watches may be called by several threads at once, and live as long as this.
class Proof {
 public:
  explicit Proof(ProofOptions options) : options_(options), seen_(options) {}

  // `table`: as the database names it; `shown`: as ScalarDB does.
  database::Watch coordinator(const std::string& table, const std::string& shown,
                              bool group_commit);
  // Of a second snapshot that was opened after all others, once the first has been read.
  database::Watch coordinator_again(const std::string& table, const std::string& shown,
                                    bool group_commit);
  database::Watch records(const std::string& table, const std::string& shown,
                          const std::vector<std::string>& keys);
  // Once the snapshots are open, before a row is seen; again where they were opened again.
  void opened(const Cut& cut);
  // Once all rows have been seen.
  std::vector<Finding> judge();

 private:
  using Values = std::span<const database::Value>;

  // The first ones, for people, and how many there are.
  struct Named {
    std::vector<std::string> first = {};
    std::uint64_t count = 0;
    void add(std::string text);
    std::string text() const;
  };
  // A write of a transaction that is committed, as its record says.
  struct Write {
    std::uint64_t hash = 0;  // of the transaction's id
    std::int64_t prepared_at = 0;
    bool as_in_one_phase = false;
    const std::string* table = nullptr;
    std::unique_ptr<std::string> text = {};  // for people; none where there are too many
    std::string name() const;
  };
  struct Seen {
    explicit Seen(const ProofOptions& options) : states(options.states_max) {}
    void settle();
    void make_room();
    void forget_texts();

    KnownStates states;
    std::int64_t floor = std::numeric_limits<std::int64_t>::min();  // of what may wait
    std::vector<Write> waiting = {};                    // their states have not been seen yet
    std::size_t texts = 0;                              // of them, at most
    std::unordered_set<std::uint64_t> unfinished = {};  // transactions of prepared records
    Named aborted = {};                                 // committed, but the coordinator says so
    Named too_new = {};                                 // for what was there before a pause
    Named committed_meanwhile = {};                     // from the first opening to the last
    Named aborted_in_pause = {};
    std::uint64_t with_state = 0;
    std::uint64_t given_up = 0;
  };
  // What is left of those that wait, once all has been seen.
  struct Missing {
    Named torn = {};  // other records of the same transaction are only prepared
    Named others = {};
    bool all_as_in_one_phase = true;
    std::uint64_t in_one_phase = 0;  // where that is known to be on
    std::uint64_t given_up = 0;
  };

  Result<void> check_opened() const;
  bool too_new(std::int64_t time) const;
  std::int64_t comparable_from(const Seen& seen) const;
  Result<void> see_state(const std::string& shown, Values values);
  Result<void> see_state_again(const std::string& shown, Values values);
  Result<void> see_record(const std::string& shown, Values values);
  void see_unfinished(const std::string& shown, Values values);
  void expect(const std::string& shown, Values values, std::size_t id, std::int64_t prepared_at,
              std::int64_t committed_at);
  Missing judge_waiting(Seen& seen) const;
  void judge_pause(const Seen& seen, std::vector<Finding>& findings) const;
  void judge_coordinator(const Seen& seen, const Missing& missing,
                         std::vector<Finding>& findings) const;
  std::string comparison(const Seen& seen, const Missing& missing) const;

  const ProofOptions options_;
  Cut cut_;
  bool opened_ = false;
  std::int64_t oldest_ = 0;        // of what is looked at
  std::int64_t oldest_state_ = 0;  // of what may belong to it
  std::set<std::string> tables_;   // their names
  base::Guarded<Seen> seen_;
};

}  // namespace stillpoint::layer::scalardb

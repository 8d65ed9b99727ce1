// SPDX-License-Identifier: Apache-2.0
// What records and coordinator rows say of the instant at which they were captured, collected while
// they are read. Every record that was committed of late has to have its row in the captured
// coordinator: one without was committed after the coordinator's snapshot (the cut is torn), in one
// phase (past the coordinator, so that no gate stops it), by another coordinator, or its row has
// been deleted since. And in a pause nothing may be newer than its beginning.
#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "database/watch.h"
#include "layer/layer.h"

namespace stillpoint::layer::scalardb {

struct ProofOptions {
  // Records that were committed since then are looked at. Longer would see more, but coordinator
  // rows may be cleaned up.
  std::chrono::seconds horizon = std::chrono::minutes(5);
  // By how much applications' clocks may be ahead of ours. They follow NTP mostly, to some
  // milliseconds; a second is far more than that, and still less than pauses for services last that
  // know times only.
  std::chrono::milliseconds clock_bound = std::chrono::seconds(1);
  bool one_phase_commit = false;
};

// The watches may be called by several threads at once, and live as long as this.
class Proof {
 public:
  explicit Proof(ProofOptions options) : options_(options) {}
  void opened(const Cut& cut) { cut_ = cut; }

  // `table`: as the database names it; `shown`: as ScalarDB does.
  database::Watch coordinator(const std::string& table, const std::string& shown,
                              bool group_commit);
  database::Watch records(const std::string& table, const std::string& shown,
                          const std::vector<std::string>& keys);
  // Once all rows have been seen.
  std::vector<Finding> judge();

 private:
  enum class State { committed, aborted };
  struct Record {
    std::string table = {};
    std::string key = {};
    std::string transaction = {};
    std::string text() const;
  };
  using Values = std::span<const database::Value>;

  std::int64_t oldest() const;       // of what is looked at, in milliseconds since 1970
  bool too_new(std::int64_t) const;  // for what was there before a pause
  Result<void> see_state(const std::string& shown, Values values);
  Result<void> see_record(const std::string& shown, Values values);
  void decide(std::string_view id, State state);
  void expect(std::string_view shown, Values values);
  static Record record_of(std::string_view shown, Values values);

  Cut cut_;
  const ProofOptions options_;
  std::mutex mutex_;  // of all below
  std::unordered_map<std::uint64_t, State> states_;
  std::vector<Record> waiting_;       // committed; their states have not been seen yet
  std::vector<Record> contradicted_;  // committed, but aborted
  std::vector<Record> too_new_;
  std::uint64_t checked_ = 0;
  bool overflow_ = false;  // more than fits: some were not looked at
};

}  // namespace stillpoint::layer::scalardb

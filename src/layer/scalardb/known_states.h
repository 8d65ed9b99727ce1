// SPDX-License-Identifier: Apache-2.0
// What became of recent transactions, as the captured coordinators tell, in bounded memory: where
// there are too many, the older ones are given up, and floor() says up to when.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <unordered_map>

namespace stillpoint::layer::scalardb {

enum class State { committed, aborted };

// Transactions by a hash of their ids: among as many as there can be here, two with the same hash
// are as good as impossible.
std::uint64_t hash_of(std::string_view id);

// One thread. Times are milliseconds since 1970.
class KnownStates {
 public:
  explicit KnownStates(std::size_t states_max) : states_max_(states_max) {}

  // A transaction has one state for ever. Where two are there (a group's row with a child in its
  // list, and a row of the child's own; two coordinators for one database), committed is what
  // ScalarDB goes by.
  void add(std::string_view id, State state, std::int64_t created_at);
  std::optional<State> find(std::uint64_t hash) const;

  // Every transaction whose state was made at that time or later and that was added is here.
  std::int64_t floor() const { return floor_; }
  void raise_floor(std::int64_t floor);

 private:
  struct Known {
    State state = State::committed;
    std::int64_t created_at = 0;
  };
  const std::size_t states_max_;
  std::int64_t floor_ = std::numeric_limits<std::int64_t>::min();
  std::unordered_map<std::uint64_t, Known> states_;
};

}  // namespace stillpoint::layer::scalardb

// SPDX-License-Identifier: Apache-2.0
#include "layer/scalardb/known_states.h"

#include <algorithm>
#include <functional>
#include <vector>

namespace stillpoint::layer::scalardb {

std::uint64_t hash_of(std::string_view id) {
  return std::hash<std::string_view>()(id);
}

void KnownStates::add(std::string_view id, State state, std::int64_t created_at) {
  if (created_at < floor_) return;
  Known& known = states_.try_emplace(hash_of(id), Known{state, created_at}).first->second;
  if (state == State::committed) known = {state, std::max(known.created_at, created_at)};
  if (states_.size() <= states_max_) return;
  // The newer half stays.
  std::vector<std::int64_t> times;
  times.reserve(states_.size());
  for (const auto& [hash, one] : states_) times.push_back(one.created_at);
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  raise_floor(*middle + 1);
}

std::optional<State> KnownStates::find(std::uint64_t hash) const {
  const auto found = states_.find(hash);
  return found == states_.end() ? std::nullopt : std::optional<State>(found->second.state);
}

void KnownStates::raise_floor(std::int64_t floor) {
  if (floor <= floor_) return;
  floor_ = floor;
  std::erase_if(states_, [&](const auto& entry) { return entry.second.created_at < floor_; });
}

}  // namespace stillpoint::layer::scalardb

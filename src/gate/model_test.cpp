// SPDX-License-Identifier: Apache-2.0
// The table of outcomes, explored: every order in which two pauses (that drain or not, that follow
// one another or overlap), an unpause, somebody inside who leaves, and time-outs can take their
// steps. The steps are those of Gate::pause between two waits, under its lock. What must hold is
// checked in every state that can be reached; gate_test.cpp holds the real gate to single rows of
// it.
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include <gtest/gtest.h>
#include <stillpoint/gate.h>

namespace stillpoint::gate {
namespace {

enum class At { before, turn, drain, done };

struct Pauser {
  At at = At::before;
  bool drain = false;
  bool was_closed = false;
  bool opened = false;  // somebody unpaused since it began
  std::optional<Outcome> outcome = {};
  auto operator<=>(const Pauser&) const = default;
};

struct State {
  bool closed = false;
  bool pausing = false;
  bool somebody_inside = true;
  bool unpaused = false;
  // Who closed it last with success, and still owns that.
  bool owned = false;
  std::array<Pauser, 2> pausers = {};
  auto operator<=>(const State&) const = default;
};

class Model {
 public:
  void explore(const State& state) {
    if (!seen_.insert(state).second) return;
    check(state);
    if (state.somebody_inside) {
      State next = state;
      next.somebody_inside = false;
      explore(next);
    }
    if (!state.unpaused) {
      State next = state;
      next.unpaused = true;
      next.closed = next.owned = false;
      for (Pauser& pauser : next.pausers) pauser.opened = pauser.at != At::before;
      explore(next);
    }
    for (std::size_t i = 0; i < 2; ++i) {
      step(state, i, false);
      step(state, i, true);
    }
  }
  std::set<Outcome> outcomes() const { return outcomes_; }
  std::size_t states() const { return seen_.size(); }

 private:
  // One step of a pause: what Gate::pause does until it waits again; or its time is over.
  void step(State state, std::size_t i, bool timed_out) {
    Pauser& me = state.pausers[i];
    if (me.at == At::done || (timed_out && me.at == At::before)) return;
    if (me.at == At::before) {
      if (!me.drain && state.pausing) return finish(state, i, Outcome::pause_in_progress);
      me.at = At::turn;
      return explore(state);
    }
    if (me.at == At::turn) {
      if (state.pausing && !me.opened) {
        if (timed_out) finish(state, i, Outcome::pause_in_progress);
        return;
      }
      if (me.opened) return finish(state, i, Outcome::gate_open);
      me.was_closed = state.closed;
      state.closed = true;
      if (!me.drain) return finish(state, i, Outcome::paused);
      state.pausing = true;
      me.at = At::drain;
      return explore(state);
    }
    if (state.somebody_inside && !me.opened && !timed_out) return;
    state.pausing = false;
    if (me.opened) return finish(state, i, Outcome::gate_open);
    if (!state.somebody_inside) return finish(state, i, Outcome::paused);
    if (me.was_closed) return finish(state, i, Outcome::timed_out_still_paused);
    state.closed = false;
    finish(state, i, Outcome::timed_out);
  }

  void finish(State state, std::size_t i, Outcome outcome) {
    Pauser& me = state.pausers[i];
    me.at = At::done;
    me.outcome = outcome;
    outcomes_.insert(outcome);
    if (outcome == Outcome::paused) {
      EXPECT_TRUE(state.closed);
      EXPECT_FALSE(me.drain && state.somebody_inside);
      state.owned = true;
    }
    if (outcome == Outcome::timed_out_still_paused) {
      EXPECT_TRUE(state.closed);
    }
    if (outcome == Outcome::gate_open) {
      EXPECT_TRUE(state.unpaused);
    }
    explore(state);
  }

  // What a pause was told to be closed stays closed until somebody unpauses, whatever others do.
  static void check(const State& state) {
    if (state.owned) {
      EXPECT_TRUE(state.closed);
    }
    const auto drains = [](const Pauser& p) { return p.at == At::drain; };
    EXPECT_EQ(state.pausing, drains(state.pausers[0]) || drains(state.pausers[1]));
    EXPECT_FALSE(drains(state.pausers[0]) && drains(state.pausers[1]));
    const auto idle = [](const Pauser& p) { return p.at != At::drain; };
    if (!state.owned && idle(state.pausers[0]) && idle(state.pausers[1])) {
      EXPECT_FALSE(state.closed);
    }
  }

  std::set<State> seen_;
  std::set<Outcome> outcomes_;
};

TEST(GateModel, EveryOrderKeepsThePromises) {
  Model model;
  for (const bool first : {false, true}) {
    for (const bool second : {false, true}) {
      State state;
      state.pausers[0].drain = first;
      state.pausers[1].drain = second;
      model.explore(state);
    }
  }
  EXPECT_EQ(model.outcomes().size(), 5U);
  EXPECT_GT(model.states(), 300U);
}

}  // namespace
}  // namespace stillpoint::gate

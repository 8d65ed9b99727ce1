// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <stillpoint/gate.h>

namespace stillpoint::gate {
namespace {

using namespace std::chrono_literals;

// Waits for what another thread is about to do; the test's own time limit bounds it.
template <class Condition>
void until(const Condition& condition) {
  while (!condition()) std::this_thread::sleep_for(1ms);
}

TEST(Gate, LetsInWhileItIsOpen) {
  Gate gate;
  const auto first = gate.enter();
  const auto second = gate.enter();
  EXPECT_TRUE(first);
  EXPECT_TRUE(second);
  EXPECT_EQ(gate.statistics().inside, 2U);
}

TEST(Gate, RefusesWhileItIsPaused) {
  Gate gate;
  EXPECT_EQ(gate.pause(true, 1s), Outcome::paused);
  EXPECT_TRUE(gate.paused());
  EXPECT_FALSE(gate.enter());
  EXPECT_EQ(gate.statistics().refused, 1U);
  gate.unpause();
  EXPECT_TRUE(gate.enter());
}

TEST(Gate, PauseWaitsForThoseInside) {
  Gate gate;
  auto pass = gate.enter();
  std::atomic<bool> answered = false;
  std::jthread pausing([&] {
    EXPECT_EQ(gate.pause(true, 30s), Outcome::paused);
    answered = true;
  });
  until([&] { return gate.paused(); });
  EXPECT_FALSE(gate.enter());
  EXPECT_FALSE(answered);
  pass.leave();
  pausing.join();
  EXPECT_EQ(gate.statistics().inside, 0U);
}

TEST(Gate, WithoutDrainItDoesNotWait) {
  Gate gate;
  const auto pass = gate.enter();
  EXPECT_EQ(gate.pause(false, 0ms), Outcome::paused);
  EXPECT_FALSE(gate.enter());
}

TEST(Gate, TimedOutIsOpenAgain) {
  Gate gate;
  const auto pass = gate.enter();
  EXPECT_EQ(gate.pause(true, 20ms), Outcome::timed_out);
  EXPECT_FALSE(gate.paused());
  EXPECT_TRUE(gate.enter());
}

TEST(Gate, ALaterPauseThatTimesOutDoesNotUndoAnEarlierOne) {
  Gate gate;
  const auto pass = gate.enter();
  EXPECT_EQ(gate.pause(false, 0ms), Outcome::paused);
  EXPECT_EQ(gate.pause(true, 20ms), Outcome::timed_out_still_paused);
  EXPECT_TRUE(gate.paused());
}

TEST(Gate, UnpauseWinsOverADrainAtOnce) {
  Gate gate;
  auto pass = gate.enter();
  std::jthread pausing([&] { EXPECT_EQ(gate.pause(true, 1h), Outcome::gate_open); });
  until([&] { return gate.paused(); });
  gate.unpause();
  pausing.join();
  EXPECT_FALSE(gate.paused());
}

TEST(Gate, UnpauseWinsOverThoseWhoWaitForTheirTurn) {
  Gate gate;
  auto pass = gate.enter();
  std::vector<std::jthread> pausing;
  std::atomic<int> open = 0;
  std::atomic<int> started = 0;
  for (int i = 0; i < 4; ++i) {
    pausing.emplace_back([&] {
      ++started;
      open += gate.pause(true, 1h) == Outcome::gate_open;
    });
  }
  until([&] { return started == 4 && gate.paused(); });
  std::this_thread::sleep_for(
      20ms);  // so that they wait; if they do not yet, they pause afterwards
  while (open < 4) {
    gate.unpause();
    std::this_thread::sleep_for(1ms);
  }
  EXPECT_FALSE(gate.paused());
}

TEST(Gate, OnePauseAtATime) {
  Gate gate;
  auto pass = gate.enter();
  std::jthread pausing([&] { EXPECT_EQ(gate.pause(true, 30s), Outcome::paused); });
  until([&] { return gate.paused(); });
  EXPECT_EQ(gate.pause(false, 0ms), Outcome::pause_in_progress);
  EXPECT_EQ(gate.pause(true, 20ms), Outcome::pause_in_progress);
  EXPECT_TRUE(gate.paused());
  pass.leave();
}

TEST(Gate, APauseIsOverAfterItsLimit) {
  Gate gate(50ms);
  EXPECT_EQ(gate.pause(true, 1s), Outcome::paused);
  const auto pass = gate.enter(30s);  // wakes by the limit, not by anybody
  EXPECT_TRUE(pass);
  EXPECT_FALSE(gate.paused());
}

TEST(Gate, APauseThatNobodyWantsAnyMoreIsUndone) {
  Gate gate;
  const auto pass = gate.enter();
  std::atomic<bool> gone = false;
  std::jthread pausing(
      [&] { EXPECT_EQ(gate.pause(true, 1h, [&] { return gone.load(); }), Outcome::timed_out); });
  until([&] { return gate.paused(); });
  gone = true;
  pausing.join();
  EXPECT_FALSE(gate.paused());
}

TEST(Gate, HugeTimesDoNotOverflow) {
  Gate gate(Gate::Duration::max());
  EXPECT_EQ(gate.pause(true, Gate::Duration::max()), Outcome::paused);
  EXPECT_TRUE(gate.paused());
  gate.unpause();
  EXPECT_TRUE(gate.enter(Gate::Duration::max()));
}

TEST(Gate, AMovedPassLeavesOnce) {
  Gate gate;
  auto first = gate.enter();
  auto second = std::move(first);
  second.leave();
  second.leave();
  EXPECT_EQ(gate.statistics().inside, 0U);
}

// 64 threads work, others pause and unpause: while a pause holds, nobody is inside.
TEST(Gate, NobodyIsInsideWhilePaused) {
  Gate gate;
  std::atomic<std::uint64_t> work = 0;
  std::atomic<bool> stop = false;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 64; ++i) {
    threads.emplace_back([&] {
      while (!stop) {
        if (const auto pass = gate.enter(10ms)) ++work;
      }
    });
  }
  int paused = 0;
  for (int round = 0; round < 30; ++round) {
    if (gate.pause(true, 30s) != Outcome::paused) continue;
    ++paused;
    const std::uint64_t before = work;
    std::this_thread::sleep_for(2ms);
    EXPECT_EQ(work, before);
    EXPECT_EQ(gate.statistics().inside, 0U);
    gate.unpause();
  }
  stop = true;
  EXPECT_EQ(paused, 30);
}

}  // namespace
}  // namespace stillpoint::gate

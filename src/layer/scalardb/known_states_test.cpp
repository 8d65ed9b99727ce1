// SPDX-License-Identifier: Apache-2.0
#include "layer/scalardb/known_states.h"

#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace stillpoint::layer::scalardb {
namespace {

std::string id_of(int number) {
  return "transaction " + std::to_string(number);
}

TEST(KnownStates, CommittedWinsInAnyOrder) {
  KnownStates states(10);
  EXPECT_EQ(states.find(hash_of("a")), std::nullopt);
  states.add("a", State::aborted, 1);
  EXPECT_EQ(states.find(hash_of("a")), State::aborted);
  states.add("a", State::committed, 2);
  states.add("a", State::aborted, 3);
  EXPECT_EQ(states.find(hash_of("a")), State::committed);
}

TEST(KnownStates, WhatIsBelowTheFloorIsForgotten) {
  KnownStates states(10);
  states.add("a", State::committed, 1);
  states.add("b", State::committed, 2);
  states.raise_floor(2);
  states.raise_floor(1);
  states.add("c", State::committed, 1);
  EXPECT_EQ(states.floor(), 2);
  EXPECT_EQ(states.find(hash_of("a")), std::nullopt);
  EXPECT_EQ(states.find(hash_of("b")), State::committed);
  EXPECT_EQ(states.find(hash_of("c")), std::nullopt);
}

TEST(KnownStates, OfTooManyTheNewerOnesStay) {
  KnownStates states(1000);
  for (int i = 0; i < 100'000; ++i) states.add(id_of(i), State::committed, i);
  EXPECT_EQ(states.find(hash_of(id_of(99'999))), State::committed);
  EXPECT_EQ(states.find(hash_of(id_of(98'000))), std::nullopt);
  EXPECT_GT(states.floor(), 98'900);
  EXPECT_LT(states.floor(), 99'600);
}

RC_GTEST_PROP(KnownStatesOfAnyOrder, AllFromTheFloorOnAreKnown,
              (const std::vector<std::pair<std::uint8_t, bool>>& made)) {
  KnownStates states(8);
  for (std::size_t i = 0; i < made.size(); ++i) {
    states.add(id_of(static_cast<int>(i)), made[i].second ? State::committed : State::aborted,
               made[i].first);
  }
  for (std::size_t i = 0; i < made.size(); ++i) {
    const auto found = states.find(hash_of(id_of(static_cast<int>(i))));
    RC_ASSERT(found.has_value() == (made[i].first >= states.floor()));
    if (found) RC_ASSERT((*found == State::committed) == made[i].second);
  }
}

}  // namespace
}  // namespace stillpoint::layer::scalardb

// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "backup/restore_point_job.h"

namespace stillpoint::backup {
namespace {

using namespace std::chrono_literals;

TEST(HoldRule, WhatIsGivenCounts) {
  const HoldRule rule = hold_rule(3s, {{{0s, 20s}, 1s}});
  EXPECT_EQ(rule.name, "given");
  EXPECT_EQ(rule.time, 3s);
}

TEST(HoldRule, WithoutAnyClockItIsTenSeconds) {
  const HoldRule rule = hold_rule({}, {});
  EXPECT_EQ(rule.name, "unmeasured");
  EXPECT_EQ(rule.time, 10s);
}

TEST(HoldRule, TheWorstClockDecides) {
  const HoldRule rule =
      hold_rule({}, {{{-1ms, 1ms}, 1us}, {{200ms, 300ms}, 1s}, {{0ms, 0ms}, 1us}});
  EXPECT_EQ(rule.name, "measured");
  EXPECT_GE(rule.time, 1100ms);
  EXPECT_LT(rule.time, 1300ms);
}

}  // namespace
}  // namespace stillpoint::backup

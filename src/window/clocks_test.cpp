// SPDX-License-Identifier: Apache-2.0
#include "window/clocks.h"

#include <thread>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace stillpoint::window {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

const base::Time noon = base::parse_time("2026-11-21T12:00:00Z").value();

// A clock that is ahead of ours by so much, and takes so long to answer.
Clock clock_of(nanoseconds ahead, nanoseconds granularity, base::Duration delay = {}) {
  return {granularity, [=](const base::Deadline&, const std::stop_token&) -> Result<base::Time> {
            std::this_thread::sleep_for(delay);
            const base::Time now = base::now() + ahead;
            std::this_thread::sleep_for(delay);
            return now - now.time_since_epoch() % granularity;
          }};
}

TEST(MeasureOffset, HoldsTheTruthAndIsNarrow) {
  for (const nanoseconds ahead : {nanoseconds(0), nanoseconds(37h), nanoseconds(-90min)}) {
    const auto offset = measure_offset(clock_of(ahead, 1us, 2ms), base::Deadline(10s), {});
    ASSERT_TRUE(offset) << offset.error().message;
    EXPECT_LE(offset->low, ahead);
    EXPECT_GE(offset->high, ahead);
    EXPECT_LT(offset->width(), 1s);
    EXPECT_GE(offset->width(), 4ms);
  }
}

TEST(MeasureOffset, OfAClockOfWholeSecondsSeesItsTick) {
  const auto offset = measure_offset(clock_of(1234ms, 1s), base::Deadline(20s), {});
  ASSERT_TRUE(offset) << offset.error().message;
  EXPECT_LE(offset->low, 1234ms);
  EXPECT_GE(offset->high, 1234ms);
  EXPECT_LT(offset->width(), 900ms);  // one question alone leaves a whole second
}

TEST(MeasureOffset, AClockThatIsSetIsNoticed) {
  int asked = 0;
  const Clock clock = {1us, [&](const base::Deadline&, const std::stop_token&) {
                         return Result<base::Time>(base::now() + (++asked > 4 ? 1h : 0h));
                       }};
  const auto offset = measure_offset(clock, base::Deadline(10s), {});
  ASSERT_FALSE(offset);
  EXPECT_EQ(offset.error().code, Errc::unavailable);
}

TEST(MeasureOffset, EndsOnRequest) {
  std::stop_source stop;
  stop.request_stop();
  const auto offset = measure_offset(clock_of(0s, 1s), base::Deadline(10s), stop.get_token());
  ASSERT_FALSE(offset);
  EXPECT_EQ(offset.error().code, Errc::cancelled);
}

TEST(OffsetBetween, HoldsBothAndTheDrift) {
  const Offset between = offset_between({-3ms, 2ms}, {-1ms, 5ms}, 10s);
  EXPECT_EQ(between, (Offset{-5ms, 7ms}));
}

TEST(RestoreTime, IsTheLatestMultipleInside) {
  const auto found = restore_time(noon, noon + 3s, {100ms, 300ms}, 1s);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->time, noon + 3s);  // by the other clock, which is ahead
  EXPECT_EQ(found->earliest, noon + 300ms);
  EXPECT_EQ(found->latest, noon + 3100ms - 1ns);
}

TEST(RestoreTime, ThereIsNoneInAWindowTooShort) {
  EXPECT_FALSE(restore_time(noon, noon + 1s, {-700ms, 300ms}, 1s));
  EXPECT_FALSE(restore_time(noon, noon, {0ms, 0ms}, 1us));
}

// Whatever the truth between the bounds: the restore time lies in the window by the other clock.
RC_GTEST_PROP(RestoreTime, LiesInTheWindowWhateverTheTruth, ()) {
  const auto milliseconds_upto = [](int max) {
    return std::chrono::milliseconds(*rc::gen::inRange(0, max));
  };
  const nanoseconds low = milliseconds_upto(20'000) - 10s;
  const Offset offset{low, low + milliseconds_upto(3000)};
  const nanoseconds granularity = *rc::gen::element<nanoseconds>(1us, 1ms, 1s, 5s);
  const nanoseconds more = milliseconds_upto(2000);
  const base::Time begin = noon + milliseconds_upto(5000);
  const base::Time end = begin + hold_needed(offset, granularity) + more;
  const auto found = restore_time(begin, end, offset, granularity);
  RC_ASSERT(found.has_value());
  RC_ASSERT(found->time.time_since_epoch() % granularity == 0ns);
  for (const nanoseconds truth : {offset.low, offset.low + offset.width() / 2, offset.high}) {
    RC_ASSERT(begin + truth <= found->time);
    RC_ASSERT(found->time < end + truth);
  }
  // and it is the latest
  RC_ASSERT(found->time + granularity >= end + offset.low);
}

TEST(OwnClock, IsAsTheKernelSays) {
  timex state = {};
  state.maxerror = 1500;
  EXPECT_TRUE(own_clock_of(state, TIME_OK).synchronised);
  EXPECT_EQ(own_clock_of(state, TIME_OK).error_max, 1500us);
  EXPECT_FALSE(own_clock_of(state, TIME_ERROR).synchronised);
  EXPECT_FALSE(own_clock_of(state, -1).synchronised);
  state.status = STA_UNSYNC;
  EXPECT_FALSE(own_clock_of(state, TIME_OK).synchronised);
  EXPECT_GE(own_clock().error_max, 0us);
}

}  // namespace
}  // namespace stillpoint::window

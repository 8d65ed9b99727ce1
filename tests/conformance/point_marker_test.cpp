// SPDX-License-Identifier: Apache-2.0
// The promises of database/point_marker.h that can be held against every kind alike.
#include "database_fixture.h"

namespace stillpoint::database {
namespace {

using namespace testing;
using namespace std::chrono_literals;

class PointMarkerPromises : public Conformance {
 protected:
  void SetUp() override {
    Conformance::SetUp();
    if (IsSkipped()) return;
    auto opened = kind_of(fixture_->url()).value()->open_marker({fixture_->url(), {}, {}});
    if (!opened) {
      EXPECT_EQ(opened.error().code, Errc::unsupported);
      EXPECT_NE(opened.error().advice, "");
      GTEST_SKIP() << opened.error().message;
    }
    marker_ = std::move(*opened);
    const auto done = marker_->prepare({});
    ASSERT_TRUE(done) << done.error().message;
  }
  static base::Deadline soon() { return base::Deadline(5s); }
  std::string write_mark() { return marker_->write_mark(soon()).value(); }
  std::unique_ptr<PointMarker> marker_;
};

TEST_P(PointMarkerPromises, AMarkSaysWhere) {
  const auto first = marker_->mark("stillpoint_first", soon());
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->kind, "log_position");
  EXPECT_NE(first->position, "");
  ASSERT_TRUE(fixture_->commit(1000));
  const auto second = marker_->mark("stillpoint_second", soon());
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_NE(first->position, second->position);
  const auto settled = marker_->settle(soon());
  EXPECT_TRUE(settled) << settled.error().message;
}

TEST_P(PointMarkerPromises, TheWriteMarkIsMovedByCommitsOnly) {
  const std::string before = write_mark();
  ASSERT_TRUE(marker_->mark("stillpoint_first", soon()));
  EXPECT_EQ(write_mark(), before);
  ASSERT_TRUE(fixture_->commit(1000));
  EXPECT_NE(write_mark(), before);
}

TEST_P(PointMarkerPromises, TheClockIsReadNow) {
  const base::Time before = base::now();
  const auto told = marker_->clock(soon());
  const base::Time after = base::now();
  ASSERT_TRUE(told) << told.error().message;
  EXPECT_GE(*told + marker_->granularity(), before);  // it runs on this machine
  EXPECT_LE(*told, after);
}

TEST_P(PointMarkerPromises, DeadlinesAreKept) {
  const base::Deadline over(0s);
  for (const Errc code :
       {marker_->mark("stillpoint_late", over).error().code, marker_->clock(over).error().code,
        marker_->write_mark(over).error().code}) {
    EXPECT_EQ(code, Errc::busy);
  }
  EXPECT_TRUE(marker_->mark("stillpoint_in_time", soon()));
}

INSTANTIATE_TEST_SUITE_P(Kinds, PointMarkerPromises, ::testing::ValuesIn(cases),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace stillpoint::database

// SPDX-License-Identifier: Apache-2.0
#include "job/job.h"

#include <gtest/gtest.h>

namespace stillpoint::job {
namespace {

TEST(Job, ReportsStateProgressAndTasks) {
  Job job("backup");
  EXPECT_EQ(job.status().state, State::queued);
  job.start([](Job::Context& context) -> Result<void> {
    context.phase("read");
    context.progress().bytes_total = 10;
    context.progress().bytes_done = 10;
    TRY(context.task("a", []() -> Result<void> { return {}; }));
    const auto bad = context.task("b", []() -> Result<void> { return fail(Errc::busy, "held"); });
    EXPECT_FALSE(bad);
    return {};
  });
  ASSERT_TRUE(job.result());
  const Status status = job.status();
  EXPECT_EQ(status.state, State::succeeded);
  EXPECT_EQ(status.phase, "read");
  EXPECT_EQ(status.bytes_done, 10U);
  ASSERT_EQ(status.tasks.size(), 2U);
  EXPECT_EQ(status.tasks[0].state, State::succeeded);
  EXPECT_EQ(status.tasks[1].state, State::failed);
  EXPECT_EQ(status.tasks[1].error->message, "held");
}

TEST(Job, CancelEndsTheWorkAndSaysSo) {
  Job job("backup");
  job.start([](Job::Context& context) -> Result<void> {
    while (!context.stop().stop_requested()) std::this_thread::yield();
    return fail(Errc::cancelled, "interrupted");
  });
  EXPECT_FALSE(job.wait_for(std::chrono::milliseconds(1)));
  job.cancel();
  EXPECT_FALSE(job.result());
  EXPECT_EQ(job.status().state, State::cancelled);
}

TEST(Job, DestructionCancelsAndWaits) {
  bool ended = false;
  {
    Job job("backup");
    job.start([&](Job::Context& context) -> Result<void> {
      while (!context.stop().stop_requested()) std::this_thread::yield();
      ended = true;
      return {};
    });
  }
  EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace stillpoint::job

// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <latch>

#include <gtest/gtest.h>

#include "pipeline/bounded_queue.h"
#include "pipeline/byte_budget.h"
#include "pipeline/ordered.h"
#include "pipeline/rate_limit.h"
#include "pipeline/worker_pool.h"

namespace stillpoint::pipeline {
namespace {

TEST(RateLimit, LetsNoMorePassAndHearsAStop) {
  RateLimit none(0);
  EXPECT_TRUE(none.pass(1ULL << 60, {}));
  RateLimit rate(1'000'000);
  const auto began = std::chrono::steady_clock::now();
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i) EXPECT_TRUE(rate.pass(10'000, {}));
    });
  }
  threads.clear();
  // 400 kB, of which what 0.1 s let pass may come at once
  EXPECT_GE(std::chrono::steady_clock::now() - began, std::chrono::milliseconds(300));
  std::stop_source stop;
  std::jthread waiter([&] { EXPECT_FALSE(rate.pass(1ULL << 40, stop.get_token())); });
  stop.request_stop();
}

TEST(BoundedQueue, MakesTheProducerWaitAndGivesAllInOrder) {
  BoundedQueue<int> queue(2);
  std::atomic<int> pushed = 0;
  std::jthread producer([&](std::stop_token stop) {
    for (int i = 0; i < 100; ++i) {
      ASSERT_TRUE(queue.push(i, stop));
      ++pushed;
    }
    queue.close();
  });
  for (int i = 0; i < 100; ++i) {
    EXPECT_LE(pushed, i + 3);  // two in the queue, one counted late
    EXPECT_EQ(queue.pop({}), i);
  }
  EXPECT_EQ(queue.pop({}), std::nullopt);
}

TEST(BoundedQueue, AStopRequestFreesWhoeverWaits) {
  BoundedQueue<int> queue(1);
  ASSERT_TRUE(queue.push(1, {}));
  std::jthread producer([&](std::stop_token stop) { EXPECT_FALSE(queue.push(2, stop)); });
  producer.request_stop();
}

TEST(ByteBudget, NeverGivesMoreThanThereIsAndLetsTheOversizedPassAlone) {
  ByteBudget budget(100);
  std::atomic<int> held = 0;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        const auto grant = budget.acquire(40, {});
        EXPECT_LE(++held, 2);
        --held;
      }
    });
  }
  threads.clear();
  EXPECT_TRUE(budget.acquire(1'000'000, {}));
}

Result<std::optional<int>> count_to(int& next, int end) {
  if (next == end) return std::optional<int>();
  return std::optional<int>(next++);
}

TEST(RunOrdered, DeliversInOrderWhateverTheWorkersDo) {
  int next = 0;
  std::vector<int> got;
  const auto done = run_ordered<int, int>(
      {4, 8}, {}, [&] { return count_to(next, 1000); },
      [](int i) -> Result<int> {
        if (i % 7 == 0) std::this_thread::yield();
        return i * 2;
      },
      [&](int i) -> Result<void> {
        got.push_back(i);
        return {};
      });
  ASSERT_TRUE(done);
  ASSERT_EQ(got.size(), 1000U);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(got[static_cast<std::size_t>(i)], 2 * i);
}

TEST(RunOrdered, AFailureOfAnyStageEndsItAndIsReturned) {
  for (const std::string stage : {"source", "work", "sink"}) {
    int next = 0;
    const auto fail_at = [&](const std::string& here, int i) -> Result<int> {
      if (here == stage && i == 50) return fail(Errc::corrupt, "{}", here);
      return i;
    };
    const auto done = run_ordered<int, int>(
        {3, 5}, {},
        [&]() -> Result<std::optional<int>> {
          TRY(fail_at("source", next));
          return count_to(next, 100000);
        },
        [&](int i) { return fail_at("work", i); },
        [&](int i) -> Result<void> {
          TRY(fail_at("sink", i));
          return {};
        });
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().message, stage);
    EXPECT_LT(next, 70);
  }
}

TEST(RunOrdered, AStopRequestEndsIt) {
  std::stop_source stop;
  int next = 0;
  const auto done = run_ordered<int, int>(
      {2, 4}, stop.get_token(), [&] { return count_to(next, 1'000'000'000); },
      [](int i) -> Result<int> { return i; },
      [&](int i) -> Result<void> {
        if (i == 100) stop.request_stop();
        return {};
      });
  EXPECT_EQ(done.error().code, Errc::cancelled);
}

TEST(WorkerPool, RunsEverythingOrReportsTheFirstFailure) {
  FirstError good;
  std::atomic<int> ran = 0;
  WorkerPool pool(3, 4, good);
  for (int i = 0; i < 500; ++i) {
    ASSERT_TRUE(pool.submit([&]() -> Result<void> {
      ++ran;
      return {};
    }));
  }
  ASSERT_TRUE(pool.finish());
  EXPECT_EQ(ran, 500);

  FirstError bad;
  WorkerPool failing(2, 2, bad);
  Result<void> submitted;
  for (int i = 0; submitted && i < 1000; ++i) {
    submitted = failing.submit([]() -> Result<void> { return fail(Errc::no_space, "full"); });
  }
  EXPECT_EQ(submitted.error().message, "full");
  EXPECT_EQ(failing.finish().error().code, Errc::no_space);
}

}  // namespace
}  // namespace stillpoint::pipeline

// SPDX-License-Identifier: Apache-2.0
// What it costs to replay ScalarDB's recovery over many records: memory that stays, and time that
// grows as they do.
#include <ctime>
#include <filesystem>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include "base/limits.h"
#include "base/random.h"
#include "base/text.h"
#include "layer/scalardb/replay/replay.h"
#include "tests/scale/memory_use.h"

namespace stillpoint::scale {
namespace {

using namespace layer::scalardb;
using limits::MiB;

struct Cost {
  double seconds = 0;  // of the processors
  std::uint64_t bytes = 0;
};

// Two records a transaction, as transfers write them; one of a hundred is unfinished.
void pretend(Replay& replay, std::uint64_t transactions) {
  const auto coordinator = replay.coordinator("coordinator.state", false);
  const auto records = replay.records("accounts", "bank.accounts", {"id"});
  const auto id = [](std::uint64_t n) {
    return fmt::format("{:016x}-0000-4000-8000-{:012x}", n * 0x9E3779B97F4A7C15ULL, n);
  };
  for (std::uint64_t n = 0; n < transactions; ++n) {
    const std::string transaction = id(n);
    const std::string time = std::to_string(1'700'000'000'000 + n);
    ASSERT_TRUE(coordinator.row(std::vector<database::Value>{transaction, "3", time}));
  }
  for (std::uint64_t n = 0; n < 2 * transactions; ++n) {
    const std::string transaction = id(n / 2);
    const std::string time = std::to_string(1'700'000'000'000 + n / 2);
    const std::string key = std::to_string(n);
    const bool finished = n % 100 != 0;
    ASSERT_TRUE(
        records.row(std::vector<database::Value>{transaction,
                                                 finished ? "3" : "1",
                                                 "1",
                                                 time,
                                                 finished ? database::Value(time) : std::nullopt,
                                                 {},
                                                 {},
                                                 {},
                                                 {},
                                                 key}));
  }
}

Cost cost_of(std::uint64_t transactions) {
  ::malloc_trim(0);
  forget_peak();
  const std::uint64_t before = status_bytes("VmRSS");
  const std::clock_t begin = std::clock();
  {
    ReplayOptions options;
    options.scratch = std::filesystem::temp_directory_path();
    Replay replay(options);
    pretend(replay, transactions);
    const auto report = replay.judge();
    EXPECT_TRUE(report);
    EXPECT_EQ(report->records, 2 * transactions);
    EXPECT_EQ(report->forward, transactions / 50);
    EXPECT_EQ(report->committed + report->forward, 2 * transactions);
    EXPECT_TRUE(report->suspects.empty());
  }
  return {static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC,
          status_bytes("VmHWM") - before};
}

TEST(ReplayCurve, MemoryStaysAndTimeGrowsAsTheRecordsDo) {
  if (sanitized) GTEST_SKIP() << "a sanitizer's memory and time are its own";
  std::vector<std::pair<std::uint64_t, Cost>> points;
  const std::uint64_t largest = full() ? 100'000'000 : 1'000'000;
  for (const std::uint64_t part : {8U, 4U, 2U, 1U}) {
    const Cost cost = cost_of(largest / part);
    points.emplace_back(largest / part, cost);
    fmt::print("measured: {} records, {} transactions: {:.1f} s, {}\n",
               base::display_count(2 * largest / part), base::display_count(largest / part),
               cost.seconds, base::display_bytes(cost.bytes));
    EXPECT_LE(cost.bytes, 256 * MiB);
  }
  EXPECT_LE(points.back().second.seconds / static_cast<double>(points.back().first), 10.0 / 1e6);
  // Twice as much takes twice the time, and a little for the sort.
  const double slower = points[3].second.seconds / points[1].second.seconds;
  EXPECT_LE(slower, 4 * 1.5);
}

}  // namespace
}  // namespace stillpoint::scale

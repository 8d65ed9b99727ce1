// SPDX-License-Identifier: Apache-2.0
// What many backups, packs and blobs cost those who list, back up a little, and prune.
#include <ctime>

#include <gtest/gtest.h>
#include <malloc.h>

#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "repository/prune/prune.h"
#include "tests/scale/memory_use.h"
#include "tests/scale/pretended.h"

namespace stillpoint::scale {
namespace {

using limits::MiB;
using repository::Repository;

struct Cost {
  double seconds = 0;  // of the processors: others may keep them busy
  std::uint64_t bytes = 0;
};

struct Point {
  Size size;
  Cost list;
  Cost backup;
  Cost prune;
};

std::string text_of(const Cost& cost) {
  return fmt::format("{:.2f} s, {}", cost.seconds, base::display_bytes(cost.bytes));
}

// In a repository that is opened for it, as a command does.
template <typename Work>
Cost cost_of(const Pretended& pretended, const Work& work) {
  ::malloc_trim(0);
  forget_peak();
  const std::uint64_t before = status_bytes("VmRSS");
  const std::clock_t begin = std::clock();
  {
    const auto repository = pretended.open();
    work(*repository);
  }
  return {static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC,
          status_bytes("VmHWM") - before};
}

Point measure(const Size& size) {
  const Pretended pretended(size);
  Point point{.size = size, .list = {}, .backup = {}, .prune = {}};
  point.list = cost_of(pretended, [&](const Repository& repository) {
    const auto records = repository.records({});
    ASSERT_TRUE(records);
    EXPECT_EQ(records->size(), size.backups);
  });
  point.backup = cost_of(pretended, [&](Repository& repository) {
    EXPECT_TRUE(repository::back_up_bytes(repository, repository::random_bytes(1, MiB)));
  });
  point.prune = cost_of(pretended, [&](Repository& repository) {
    std::atomic<std::uint64_t> total = 0;
    std::atomic<std::uint64_t> done = 0;
    const auto report = repository::prune(repository, {}, {total, done}, {});
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->retired.packs, size.packs / 2);
  });
  fmt::print("measured: {} backups, {} packs, {} blobs: list {}; backup of 1 MiB {}; prune {}\n",
             size.backups, size.packs, base::display_count(size.blobs()), text_of(point.list),
             text_of(point.backup), text_of(point.prune));
  return point;
}

// No more than in proportion, with some room for what a machine does beside.
void expect_linear(const char* what, const Cost& small, const Cost& large, double times) {
  EXPECT_LE(large.seconds, 1.6 * times * small.seconds + 0.1) << what;
  EXPECT_LE(static_cast<double>(large.bytes),
            1.3 * times * static_cast<double>(small.bytes) + 32.0 * MiB)
      << what;
}

TEST(Curves, NothingGrowsFasterThanTheRepository) {
  if (sanitized) GTEST_SKIP() << "a sanitizer's memory is its own";
  base::keep_freed_memory();
  Size size{.packs = 100'000, .blobs_a_pack = 100, .backups = 1000};
  if (!full()) size = {.packs = 2000, .blobs_a_pack = 100, .backups = 200};
  std::vector<Point> points;
  for (const std::uint64_t part : {8, 4, 2, 1}) {
    points.push_back(measure({size.packs / part, size.blobs_a_pack, size.backups / part}));
  }
  for (std::size_t i = 1; i < points.size(); ++i) {
    const double times = static_cast<double>(1ULL << i);
    expect_linear("list", points[0].list, points[i].list, times);
    expect_linear("backup", points[0].backup, points[i].backup, times);
    expect_linear("prune", points[0].prune, points[i].prune, times);
  }
}

}  // namespace
}  // namespace stillpoint::scale

// SPDX-License-Identifier: Apache-2.0
// Memory of a prune on an index of millions of blobs.
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

TEST(PruneScale, Takes64BytesABlobBeside200MiB) {
  if (sanitized) GTEST_SKIP() << "a sanitizer's memory is its own";
  base::keep_freed_memory();
  const Size size{.packs = full() ? 10'000U : 400U};
  const Pretended pretended(size);
  const auto repository = pretended.open();
  ::malloc_trim(0);
  forget_peak();
  const std::uint64_t before = status_bytes("VmRSS");
  std::atomic<std::uint64_t> total = 0;
  std::atomic<std::uint64_t> done = 0;
  const auto report = repository::prune(*repository, {}, {total, done}, {});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->retired.packs, size.packs / 2);
  EXPECT_EQ(report->blobs_unused, size.blobs() / 2);
  const std::uint64_t used = status_bytes("VmHWM") - before;
  std::printf("measured: prune of %llu blobs: %s of memory\n",
              static_cast<unsigned long long>(size.blobs()), base::display_bytes(used).c_str());
  EXPECT_LE(used, 200 * MiB + 64 * size.blobs());
  const auto again = pretended.open();
  EXPECT_TRUE(again->load_index({}));
  EXPECT_EQ(again->index().pack_count(), size.packs / 2 + pretended.folder_packs());
}

}  // namespace
}  // namespace stillpoint::scale

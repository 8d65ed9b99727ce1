// SPDX-License-Identifier: Apache-2.0
#include "base/external_sort.h"

#include <gtest/gtest.h>

namespace stillpoint::base {
namespace {

std::vector<std::uint64_t> sorted(std::size_t items, std::size_t memory_bytes) {
  const auto folder = std::filesystem::temp_directory_path();
  ExternalSort<std::uint64_t> sort(folder, memory_bytes);
  Random random(items);
  for (std::size_t i = 0; i < items; ++i) EXPECT_TRUE(sort.add(random.below(items)));
  EXPECT_EQ(sort.size(), items);
  std::vector<std::uint64_t> all;
  EXPECT_TRUE(sort.merge([&](std::uint64_t item) -> Result<void> {
    all.push_back(item);
    return {};
  }));
  return all;
}

TEST(ExternalSort, GivesTheSameWithAnyMemory) {
  for (const std::size_t items : {0, 1, 2, 3, 1000, 4096}) {
    std::vector<std::uint64_t> expected;
    Random random(items);
    for (std::size_t i = 0; i < items; ++i) expected.push_back(random.below(items));
    std::sort(expected.begin(), expected.end());
    for (const std::size_t memory : {0, 100, 1000, 8192, 1 << 20}) {
      EXPECT_EQ(sorted(items, memory), expected) << items << " items, " << memory << " bytes";
    }
  }
}

TEST(ExternalSort, EndsWithTheVisitorsFailure) {
  ExternalSort<int> sort(std::filesystem::temp_directory_path(), 16);
  for (const int item : {5, 4, 3, 2, 1, 0}) ASSERT_TRUE(sort.add(item));
  int seen = 0;
  const auto done = sort.merge([&](int item) -> Result<void> {
    ++seen;
    if (item == 2) return fail(Errc::cancelled, "enough");
    return {};
  });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message, "enough");
  EXPECT_EQ(seen, 3);
}

TEST(ExternalSort, NamesTheFolderThatCannotBeWrittenTo) {
  ExternalSort<int> sort("/nowhere", 8);
  EXPECT_TRUE(sort.add(1));
  EXPECT_TRUE(sort.add(2));
  const auto done = sort.add(3);
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message.find("/nowhere"), std::string::npos);
}

}  // namespace
}  // namespace stillpoint::base

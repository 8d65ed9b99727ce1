// SPDX-License-Identifier: Apache-2.0
#include "database/row_sum.h"

#include <string>

#include <gtest/gtest.h>
#include <xxhash.h>

namespace stillpoint::database {
namespace {

TEST(RowSum, IsTheSameInAnyPieces) {
  const std::string rows[] = {"1\tone\n", "\n", std::string(3000, 'x') + "\n", "2\t\\N\n"};
  std::string text;
  std::uint64_t sum = 0;
  for (const std::string& row : rows) {
    text += row;
    sum += XXH3_64bits(row.data(), row.size());
  }
  for (const std::size_t step : {1, 2, 7, 1000, 100000}) {
    RowSum counted;
    for (std::size_t at = 0; at < text.size(); at += step) {
      counted.add(base::view_of(std::string_view(text).substr(at, step)));
    }
    EXPECT_TRUE(counted.complete());
    EXPECT_EQ(counted.receipt().rows, 4U);
    EXPECT_EQ(counted.receipt().checksum, sum) << step;
  }
}

TEST(RowSum, IsOfRowsInAnyOrder) {
  RowSum one;
  RowSum other;
  for (const char* row : {"a\n", "b\n", "b\n"}) one.add_row(base::view_of(row));
  for (const char* row : {"b\n", "a\n", "b\n"}) other.add_row(base::view_of(row));
  EXPECT_EQ(one.receipt().checksum, other.receipt().checksum);
  other.add_row(base::view_of("a\n"));
  EXPECT_NE(one.receipt().checksum, other.receipt().checksum);
}

TEST(RowSum, SeesARowWithoutItsEnd) {
  RowSum counted;
  counted.add(base::view_of("1\n2"));
  EXPECT_FALSE(counted.complete());
  EXPECT_EQ(counted.receipt().rows, 1U);
}

}  // namespace
}  // namespace stillpoint::database

// SPDX-License-Identifier: Apache-2.0
#include "database/watch.h"

#include <gtest/gtest.h>

namespace stillpoint::database {
namespace {

using Seen = std::vector<std::string>;

Result<Seen> pick(std::vector<std::size_t> positions, std::string_view line) {
  Seen seen;
  Watch watch{"t", std::vector<std::string>(positions.size()), [&](std::span<const Value> values) {
                for (const Value& value : values) {
                  seen.emplace_back(value ? std::string(*value) : "null");
                }
                return Result<void>();
              }};
  FieldPicker picker(watch, std::move(positions));
  TRY(picker.row(base::view_of(line)));
  return seen;
}

TEST(FieldPicker, TakesFieldsInTheOrderThatIsWanted) {
  EXPECT_EQ(pick({2, 0}, "a\tb\tc\n").value(), (Seen{"c", "a"}));
  EXPECT_EQ(pick({1, 1}, "a\t\tc\n").value(), (Seen{"", ""}));
  EXPECT_EQ(pick({2}, "a\tb\t\n").value(), (Seen{""}));
  EXPECT_EQ(pick({}, "a\n").value(), Seen());
}

TEST(FieldPicker, NullsAndEscapes) {
  EXPECT_EQ(pick({0, 1, 2}, "\\N\t\\\\N\ta\\tb\\nc\\\\\\r\n").value(),
            (Seen{"null", "\\N", "a\tb\nc\\\r"}));
  EXPECT_EQ(pick({0}, "x\\0y\n").value(), (Seen{std::string("x\0y", 3)}));
}

TEST(FieldPicker, ARowThatIsTooShortIsAnError) {
  EXPECT_FALSE(pick({2}, "a\tb\n"));
}

}  // namespace
}  // namespace stillpoint::database

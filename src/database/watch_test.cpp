// SPDX-License-Identifier: Apache-2.0
#include "database/watch.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/text.h"

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

TEST(FieldPicker, AnErrorOfTheWatcherIsPassedOn) {
  const Watch watch{"t", {"c"}, [](auto) -> Result<void> { return fail(Errc::busy, "enough"); }};
  FieldPicker picker(watch, {0});
  EXPECT_EQ(picker.row(base::view_of("a\n")).error().code, Errc::busy);
}

TEST(FieldPicker, KeepsNothingFromOneRowToTheNext) {
  std::vector<Values> seen;
  const Watch watch{"t", {"a", "b"}, [&](std::span<const Value> values) {
                      Values& row = seen.emplace_back();
                      for (const Value& one : values) {
                        row.push_back(one ? std::optional<std::string>(*one) : std::nullopt);
                      }
                      return Result<void>();
                    }};
  FieldPicker picker(watch, {1, 0});
  for (const char* line : {"x\\ty\tz\n", "\\N\t\\\\\n", "\t\\N\n"}) {
    ASSERT_TRUE(picker.row(base::view_of(line)));
  }
  EXPECT_EQ(seen, (std::vector<Values>{{"z", "x\ty"}, {"\\", std::nullopt}, {std::nullopt, ""}}));
}

TEST(PositionsOf, SayWhichColumnIsMissing) {
  EXPECT_EQ(positions_of({"c", "a", "c"}, {"a", "b", "c"}, "t").value(),
            (std::vector<std::size_t>{2, 0, 2}));
  const auto missing = positions_of({"a", "A"}, {"a", "b"}, "t");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::not_found);
  EXPECT_EQ(missing.error().message, "t has no column A");
}

// The documentation of COPY, character by character.
std::string decoded(std::string_view field) {
  if (field == "\\N") return "null";
  std::string text;
  bool escaped = false;
  for (const char c : field) {
    if (!escaped && c == '\\') {
      escaped = true;
      continue;
    }
    if (!escaped) {
      text += c;
    } else if (c == 'b') {
      text += '\b';
    } else if (c == 'f') {
      text += '\f';
    } else if (c == 'n') {
      text += '\n';
    } else if (c == 'r') {
      text += '\r';
    } else if (c == 't') {
      text += '\t';
    } else if (c == 'v') {
      text += '\v';
    } else if (c == '0') {
      text += '\0';
    } else {
      text += c;
    }
    escaped = false;
  }
  return escaped ? text + '\\' : text;
}

std::string encoded(std::string_view value) {
  std::string text;
  for (const char c : value) {
    const std::size_t special = std::string_view("\b\f\n\r\t\v\\").find(c);
    text += special == std::string_view::npos ? std::string(1, c)
                                              : std::string("\\") + "bfnrtv\\"[special];
  }
  return text;
}

rc::Gen<std::string> odd_text() {
  return rc::gen::container<std::string>(rc::gen::weightedOneOf<char>(
      {{3, rc::gen::elementOf(std::string("\\\\\tNbfnrtv0."))}, {1, rc::gen::arbitrary<char>()}}));
}

RC_GTEST_PROP(FieldPickerOfAnyRow, GivesBackWhatWasEncoded, ()) {
  const auto values = *rc::gen::nonEmpty(rc::gen::container<std::vector<std::string>>(odd_text()));
  const auto positions = *rc::gen::container<std::vector<std::size_t>>(
      rc::gen::inRange<std::size_t>(0, values.size()));
  std::vector<std::string> fields;
  for (const std::string& value : values) fields.push_back(encoded(value));
  Seen expected;
  for (const std::size_t position : positions) expected.push_back(values[position]);
  RC_ASSERT(pick(positions, base::join(fields, "\t") + "\n").value() == expected);
}

RC_GTEST_PROP(FieldPickerOfAnyRow, DecodesAnyTextAsItsDocumentationSays, ()) {
  std::string line = *odd_text();
  std::erase(line, '\n');
  const std::vector<std::string> fields = base::split(line, '\t');
  const auto positions = *rc::gen::container<std::vector<std::size_t>>(
      rc::gen::inRange<std::size_t>(0, fields.size() + 1));
  const auto picked = pick(positions, line + "\n");
  Seen expected;
  for (const std::size_t position : positions) {
    if (position == fields.size()) {
      RC_ASSERT_FALSE(picked);
      return;
    }
    expected.push_back(decoded(fields[position]));
  }
  RC_ASSERT(picked.value() == expected);
}

}  // namespace
}  // namespace stillpoint::database

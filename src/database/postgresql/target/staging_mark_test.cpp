// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/target/staging_mark.h"

#include <gtest/gtest.h>

namespace stillpoint::database::postgresql {
namespace {

constexpr std::string_view token = "0123456789abcdef";

TEST(StagingMark, ComesBackFromAComment) {
  const StagingMark mark{"odd \"name\"\n", "4f5e", "2026-11-21T08:30:00.000000000Z", true, true};
  const auto read = mark_of(text_of(mark));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->of, mark.of);
  EXPECT_EQ(read->backup, mark.backup);
  EXPECT_EQ(read->since, mark.since);
  EXPECT_TRUE(read->ready);
  EXPECT_TRUE(read->in_place);
}

TEST(StagingMark, IsNotSeenInOtherComments) {
  for (const char* comment : {"", "the bank", "{}", "[]", "{\"stillpoint\":1}", "\"staging\""}) {
    EXPECT_FALSE(mark_of(comment)) << comment;
  }
}

TEST(StagingMark, NamesAreRecognised) {
  const base::Time time = base::parse_time("2026-11-21T08:30:00Z").value();
  EXPECT_EQ(staging_name("bank", token), "bank_stillpoint_0123456789abcdef");
  EXPECT_EQ(kept_name("bank", time), "bank_before_20261121T083000Z");
  EXPECT_TRUE(is_staging_name("bank_stillpoint_0123456789abcdef", "bank"));
  EXPECT_FALSE(is_staging_name("bank_stillpoint_0123456789abcdef", "ban"));
  EXPECT_FALSE(is_staging_name("bank_stillpoint_0123456789abcdeg", "bank"));
  EXPECT_FALSE(is_staging_name("bank", "bank"));
  EXPECT_TRUE(is_kept_name("bank_before_20261121T083000Z", "bank"));
  EXPECT_FALSE(is_kept_name("bank_before_20261121T083000", "bank"));
  EXPECT_FALSE(is_kept_name("bank_before_the_war_of_1914", "bank"));
  EXPECT_TRUE(is_staging_schema(staging_schema(token)));
  EXPECT_FALSE(is_staging_schema("stillpoint_tables"));
}

TEST(StagingMark, LongNamesGiveWayByWholeCharacters) {
  std::string name;
  for (int i = 0; i < 21; ++i) name += "\xE2\x82\xAC";
  const std::string staged = staging_name(name, token);
  EXPECT_LE(staged.size(), 63U);
  EXPECT_EQ(staged.find("_stillpoint_"), 33U);
  EXPECT_TRUE(is_staging_name(staged, name));
  EXPECT_TRUE(is_kept_name(kept_name(name, base::now()), name));
}

}  // namespace
}  // namespace stillpoint::database::postgresql

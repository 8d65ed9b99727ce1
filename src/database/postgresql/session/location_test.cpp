// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/session/location.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "database/postgresql/session/connection.h"

namespace stillpoint::database::postgresql {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(PostgresqlUrl, IsShownWithoutSecrets) {
  EXPECT_EQ(shown_url("postgresql://u:sesame@db1:5433/bank?sslmode=verify-full"),
            "postgresql://u@db1:5433/bank?sslmode=verify-full");
  EXPECT_EQ(shown_url("postgres://u@db1,db2:6000/bank"), "postgres://u@db1,db2:6000/bank");
  EXPECT_EQ(shown_url("postgresql://:sesame@/bank"), "postgresql:///bank");
  EXPECT_EQ(shown_url("postgresql://u:ses:a?me@[::1]:5433/"), "postgresql://u@[::1]:5433/");
  EXPECT_EQ(shown_url("postgresql:///bank?host=%2Frun&password=sesame&user=u"),
            "postgresql:///bank?host=%2Frun&user=u");
  EXPECT_EQ(shown_url("postgresql:///bank?p%61ssword=sesame&sslpassword=sesame"),
            "postgresql:///bank");
  EXPECT_EQ(shown_url("postgresql:///?service=bank"), "postgresql:///?service=bank");
}

// Each has a password that libpq takes for something else.
TEST(PostgresqlUrl, ThatCannotBeReadIsNotShownAtAll) {
  for (const std::string url :
       {"postgresql://u:ses@me@db1/bank", "postgresql://u:ses/ame@db1/bank",
        "postgresql://u:12/sesame@db1/bank", "postgresql://u:ses%zzame@db1/bank",
        "postgresql://u@db1:sesame/bank", "postgresql://u:sesame@[db1/bank",
        "postgresql:///bank?sesame", "postgresql:///bank?sesame=1", "postgresql:u:sesame@db1",
        "postgresql://u:x@db1:5432:sesame/bank"}) {
    const auto checked = check_url(url);
    ASSERT_FALSE(checked) << url;
    EXPECT_EQ(checked.error().code, Errc::invalid);
    for (const std::string piece : {"same", "ame@", "me@", "ses@", "ses/", "12/", "zz"}) {
      EXPECT_THAT(checked.error().message, Not(HasSubstr(piece)));
    }
    EXPECT_EQ(shown_url(url), "postgresql:") << url;
  }
  EXPECT_EQ(shown_url("postgres://u:a@b@c/d"), "postgres:");
}

TEST(PostgresqlUrl, NamesADatabaseOrAnother) {
  EXPECT_EQ(database_of("postgresql://u:p@db1/bank%20two?sslmode=require"), "bank two");
  EXPECT_EQ(database_of("postgresql://db1/bank?dbname=other"), "other");
  EXPECT_EQ(database_of("postgresql://db1"), "");
  for (const std::string url :
       {"postgresql://u:p%40@db1:5433/bank?sslmode=require", "postgresql://db1",
        "postgresql:///?host=%2Frun&dbname=bank", "postgresql://a:1,b:2/bank"}) {
    const std::string changed = with_database(url, "My \"new\"/Bank?&ä");
    EXPECT_TRUE(check_url(changed)) << changed;
    EXPECT_EQ(database_of(changed), "My \"new\"/Bank?&ä") << changed;
  }
  EXPECT_EQ(with_database("postgresql://u:p@h:1/a?sslmode=require&dbname=b", "c"),
            "postgresql://u:p@h:1/c?sslmode=require");
}

TEST(PostgresqlNames, AreQuotedWherePostgresqlAsksForIt) {
  EXPECT_EQ(quote_name("My \"t\""), "\"My \"\"t\"\"\"");
  EXPECT_EQ(quote_text("it's"), "'it''s'");
  EXPECT_EQ(quote_text("a\\'b"), "E'a\\\\''b'");
  EXPECT_EQ(display_qualified("public", "accounts_2$"), "public.accounts_2$");
  EXPECT_EQ(display_qualified("odd name", "x.y"), "\"odd name\".\"x.y\"");
  EXPECT_EQ(display_qualified("public", "2nd"), "public.\"2nd\"");
}

TEST(PostgresqlNames, AreReadAsTheyAreShown) {
  const std::vector<std::string> odd = {"accounts",  "Accounts", "a.b",   "a\"b", "\"",  "\"\"",
                                        "new\nline", " ",        "größe", "💰",   "x'y", ".",
                                        "$a",        "2",        "\\",    "%"};
  for (const std::string& schema : odd) {
    for (const std::string& name : odd) {
      const auto parsed = parse_qualified(display_qualified(schema, name));
      ASSERT_TRUE(parsed) << display_qualified(schema, name);
      EXPECT_EQ(*parsed, (QualifiedName{schema, name}));
    }
  }
  for (const std::string wrong :
       {"", "accounts", "a.b.c", "a.", ".b", "\"a.b", "\"a\"b", "a\"b\".c", "\"\".b"}) {
    EXPECT_FALSE(parse_qualified(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace stillpoint::database::postgresql

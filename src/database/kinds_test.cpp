// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "database/target.h"

namespace stillpoint::database {
namespace {

TEST(Kinds, AreFoundByUrlPathAndName) {
  for (const char* url :
       {"sqlite:///srv/a.db", "sqlite:a", "/srv/none.db", "x.sqlite3", "/proc/self/exe"}) {
    EXPECT_EQ(kind_of(url).value()->name, "sqlite") << url;
  }
  EXPECT_EQ(kind_named("sqlite").value()->name, "sqlite");
  EXPECT_EQ(kind_of("postgres://host/a").value()->name, "postgresql");
  EXPECT_EQ(kind_of("mariadb://host/a").value()->name, "mysql");
}

TEST(Kinds, TellTheSamePlaceUnderEverySpelling) {
  EXPECT_TRUE(same_place("/srv/a.db", "sqlite:///srv/./a.db"));
  EXPECT_FALSE(same_place("/srv/a.db", "/srv/b.db"));
  EXPECT_TRUE(same_place("postgresql://me:secret@h/a", "postgresql://me@h/a"));
  EXPECT_FALSE(same_place("postgresql://me@h/a", "postgresql://me@h/b"));
  EXPECT_TRUE(same_place("mysql://me:secret@h/a", "mysql://me@h/a"));
  EXPECT_FALSE(same_place("mysql://me@h/a", "mysql://me@h/b"));
  EXPECT_FALSE(same_place("/srv/a.db", "postgresql:///srv/a.db"));
}

TEST(Kinds, NamesTheKnownOnesWhereAnotherIsAsked) {
  const Error error = kind_of("sqlitee:///srv/a.db").error();
  EXPECT_EQ(error.code, Errc::unsupported);
  EXPECT_EQ(error.advice,
            "did you mean 'sqlite:'? known: mysql:, mariadb:, postgresql:, postgres:, sqlite:");
  const Error other = kind_of("mongodb://me:secret@host/db").error();
  EXPECT_EQ(other.code, Errc::unsupported);
  EXPECT_EQ((other.message + other.advice).find("secret"), std::string::npos);
  EXPECT_EQ(kind_of("/srv/folder").error().code, Errc::unsupported);
  EXPECT_EQ(kind_named("sqlte").error().advice,
            "did you mean 'sqlite'? known: mysql, postgresql, sqlite");
}

}  // namespace
}  // namespace stillpoint::database

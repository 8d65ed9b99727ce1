// SPDX-License-Identifier: Apache-2.0
#include "layer/scalardb/jdbc_url.h"

#include <set>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "database/target.h"

namespace stillpoint::layer::scalardb {
namespace {

std::string url(std::string_view jdbc) {
  const auto read = url_of_jdbc(jdbc, "app", "s/cret");
  return read ? *read : "refused: " + read.error().message;
}

TEST(JdbcUrl, OfPostgresql) {
  EXPECT_EQ(url("jdbc:postgresql://db1:5433/bank"), "postgresql://app:s%2fcret@db1:5433/bank");
  EXPECT_EQ(url("jdbc:postgresql://db1/"), "postgresql://app:s%2fcret@db1/");
  EXPECT_EQ(url("jdbc:postgresql:bank"), "postgresql://app:s%2fcret@localhost/bank");
  EXPECT_EQ(url("jdbc:postgresql:/"), "postgresql://app:s%2fcret@localhost/");
  EXPECT_EQ(url("jdbc:postgresql://[::1]:5432/bank"), "postgresql://app:s%2fcret@[::1]:5432/bank");
  EXPECT_EQ(url("jdbc:postgresql://db1/bank?user=me&password=x&ssl=true&currentSchema=y"),
            "postgresql://me:x@db1/bank?sslmode=verify-full");
  EXPECT_EQ(url("jdbc:postgresql://db1/bank?sslmode=require"),
            "postgresql://app:s%2fcret@db1/bank?sslmode=require");
}

TEST(JdbcUrl, OfMysqlAndMariadb) {
  EXPECT_EQ(url("jdbc:mysql://db2:3307/"), "mysql://app:s%2fcret@db2:3307/");
  EXPECT_EQ(url("jdbc:mariadb://db2/shop?sslMode=verify-full&serverSslCert=/ca.pem"),
            "mysql://app:s%2fcret@db2/?ssl-mode=verify_identity&ssl-ca=%2fca.pem");
  EXPECT_EQ(url("jdbc:mysql://db2/?sslMode=VERIFY_IDENTITY"),
            "mysql://app:s%2fcret@db2/?ssl-mode=verify_identity");
  EXPECT_EQ(url("jdbc:mysql://db2/?useSSL=false&allowPublicKeyRetrieval=true"),
            "mysql://app:s%2fcret@db2/?ssl-mode=disabled");
}

TEST(JdbcUrl, OfSqlite) {
  EXPECT_EQ(url("jdbc:sqlite:/srv/bank.db?busy_timeout=10000"), "sqlite:///srv/bank.db");
  EXPECT_EQ(url("jdbc:sqlite:bank.db"), "sqlite:bank.db");
  EXPECT_EQ(url("jdbc:sqlite:/srv/a%20b.db"), "sqlite:///srv/a%20b.db");
  EXPECT_EQ(url("jdbc:sqlite:file:/srv/a%20b.db?mode=ro"), "sqlite:///srv/a b.db");
  EXPECT_EQ(url("jdbc:sqlite:file:///srv/bank.db"), "sqlite:///srv/bank.db");
}

TEST(JdbcUrl, WhatCannotBeBackedUpIsNamed) {
  for (const char* jdbc : {"jdbc:oracle:thin:@//db:1521/x", "jdbc:sqlserver://db",
                           "jdbc:yugabytedb://db/x", "jdbc:db2://db/x", "jdbc:spanner:x",
                           "jdbc:sqlite:", "jdbc:sqlite::memory:", "jdbc:postgresql://a,b/bank",
                           "jdbc:mysql:replication://a,b/", "jdbc:mysql://a,b/",
                           "jdbc:mysql://address=(host=a)(port=1)/x", "jdbc:mysql://me:x@a/y"}) {
    const auto refused = url_of_jdbc(jdbc, "app", "s/cret");
    ASSERT_FALSE(refused) << jdbc;
    EXPECT_EQ(refused.error().code, Errc::unsupported) << jdbc;
    EXPECT_NE(refused.error().advice, "") << jdbc;
  }
  for (const char* jdbc : {"", "bank", "jdbc:", "jdbc:other:x", "jdbc:postgresql://a:x/y",
                           "jdbc:postgresql://a/y?password=%zz"}) {
    EXPECT_EQ(url_of_jdbc(jdbc, "app", "s/cret").error().code, Errc::invalid) << jdbc;
  }
}

TEST(JdbcUrl, TheSameDatabaseIsKnown) {
  const auto id = [](std::string_view jdbc) { return identity_of_url(url(jdbc)); };
  EXPECT_EQ(id("jdbc:postgresql://DB1/bank?user=me&password=x"),
            id("jdbc:postgresql://db1:5432/bank?ssl=true"));
  EXPECT_EQ(id("jdbc:postgresql:app"), id("jdbc:postgresql://localhost/"));  // the user is app
  EXPECT_EQ(id("jdbc:postgresql://[::1]/bank"), id("jdbc:postgresql://[::1]:5432/bank"));
  EXPECT_EQ(id("jdbc:mysql://db2/shop"), id("jdbc:mariadb://db2:3306/"));
  EXPECT_EQ(id("jdbc:sqlite:bank.db"), id("jdbc:sqlite:./x/../bank.db?busy_timeout=1"));
  const char* different[] = {"jdbc:postgresql://db1/bank",
                             "jdbc:postgresql://db1/Bank",
                             "jdbc:postgresql://db1:5433/bank",
                             "jdbc:postgresql://db2/bank",
                             "jdbc:mysql://db1/bank",
                             "jdbc:mysql://db1:3307/bank",
                             "jdbc:sqlite:/bank",
                             "jdbc:sqlite:bank"};
  std::set<std::string> ids;
  for (const char* jdbc : different) EXPECT_TRUE(ids.insert(id(jdbc)).second) << jdbc;
  EXPECT_EQ(id("jdbc:postgresql://db1/bank").find("cret"), std::string::npos);
}

TEST(JdbcUrl, ItsKindIsKnown) {
  for (const char* jdbc : {"jdbc:postgresql://db1/bank", "jdbc:mysql://db/", "jdbc:sqlite:/a.db"}) {
    const auto kind = database::kind_of(url(jdbc));
    ASSERT_TRUE(kind) << jdbc;
    EXPECT_EQ((*kind)->shown(url(jdbc)).find("cret"), std::string::npos);
  }
}

RC_GTEST_PROP(JdbcUrlText, NoErrorHasAPassword, (const std::string& text)) {
  const auto read = url_of_jdbc("jdbc:postgresql://a/b?password=Sesame&x=" + text, "", "");
  if (!read) RC_ASSERT(read.error().message.find("Sesame") == std::string::npos);
  (void)url_of_jdbc(text, "", "");
  const auto plain = url_of_jdbc("jdbc:" + text, "", "");
  (void)identity_of_url(plain ? *plain : text);
}

}  // namespace
}  // namespace stillpoint::layer::scalardb

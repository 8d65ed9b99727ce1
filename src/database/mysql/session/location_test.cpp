// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/session/location.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "database/mysql/session/connection.h"

namespace stillpoint::database::mysql {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(MysqlUrl, IsShownWithoutSecrets) {
  const auto shown = [](const std::string& url) { return shown_url(url); };
  EXPECT_EQ(shown("mysql://me:secret@db1:3307/shop"), "mysql://me@db1:3307/shop");
  EXPECT_EQ(shown("mariadb://:secret@db1/shop"), "mariadb://db1/shop");
  EXPECT_EQ(shown("mysql://me@db1/shop?ssl-mode=required"),
            "mysql://me@db1/shop?ssl-mode=required");
  EXPECT_EQ(shown("mysql://me:@[::1]:3307/shop"), "mysql://me@[::1]:3307/shop");
  EXPECT_EQ(shown("mysql://db1"), "mysql://db1");
  EXPECT_EQ(shown("mysql://@/x?socket=%2frun%2fs"), "mysql:///x?socket=%2frun%2fs");
}

TEST(MysqlUrl, ThatCannotBeReadIsNotShownAtAll) {
  for (const char* url :
       {"mysql://me:sec/ret@db1/shop", "mysql://me:sec@ret@db1/shop", "mysql://me:se?cret@db1/shop",
        "mysql://me:secret@db1:port/shop", "mysql://db1:secret/shop", "mysql:me:secret",
        "mysql://me:%zz@db1/shop?x=secret", "mysql://me@db1/shop?password=secret",
        "mysql://db1/shop?ssl-mode=secret", "mysql://me:secret@db1/shop?users=secret",
        "mysql://me:secret@/shop", "mysql://me:secret@db1/mysql"}) {
    EXPECT_EQ(shown_url(url), "mysql:") << url;
    const auto parsed = parse_url(url);
    ASSERT_FALSE(parsed) << url;
    EXPECT_THAT(parsed.error().message + parsed.error().advice, Not(HasSubstr("secret"))) << url;
    EXPECT_THAT(parsed.error().message + parsed.error().advice, Not(HasSubstr("sec"))) << url;
  }
}

TEST(MysqlUrl, SaysWhereAndAsWhomAndWhat) {
  const Location all =
      parse_url(
          "mysql://m%40e:p%2fw@db1:3307/shop?schemas=b,a%2cc,shop&ssl-mode=VERIFY_IDENTITY&"
          "ssl-ca=%2fca.pem&defaults-file=%2fd&lock_nontransactional=1&users=1")
          .value();
  EXPECT_EQ(all.user, "m@e");
  EXPECT_EQ(all.password, "p/w");
  EXPECT_EQ(all.host, "db1");
  EXPECT_EQ(all.port, 3307U);
  EXPECT_THAT(all.schemas, ElementsAre("a,c", "b", "shop"));
  EXPECT_EQ(all.tls, Tls::verify_identity);
  EXPECT_EQ(all.ssl_ca, "/ca.pem");
  EXPECT_EQ(all.defaults_file, "/d");
  EXPECT_TRUE(all.lock_nontransactional);
  EXPECT_TRUE(all.with_users);
  const Location few = parse_url("mariadb:///?socket=%2frun%2fs").value();
  EXPECT_EQ(few.socket, "/run/s");
  EXPECT_TRUE(few.schemas.empty());
  EXPECT_EQ(few.tls, Tls::preferred);
}

TEST(MysqlLocation, ADrillStagesBesideTheOriginal) {
  for (const char* url : {"mysql://me@db1:3307/shop", "mysql://db1", "mysql://db1?users=1",
                          "mysql:///?socket=/s&schemas=a,b"}) {
    const Location original = parse_url(url).value();
    const Location drill = parse_url(scratch_url(url, "")).value();
    EXPECT_EQ(drill.suffix, "_drill") << url;
    EXPECT_EQ(drill.schemas, original.schemas) << url;
    EXPECT_EQ(drill.host, original.host) << url;
    EXPECT_EQ(drill.port, original.port) << url;
  }
}

TEST(MysqlNames, AreQuotedWhereMysqlAsksForIt) {
  EXPECT_EQ(quote_name("a`b"), "`a``b`");
  EXPECT_EQ(quote_text(std::string_view("a'b\\c\0d\n", 8)), "'a\\'b\\\\c\\0d\\n'");
  EXPECT_EQ(display_qualified("shop", "Orders_2$"), "shop.Orders_2$");
  EXPECT_EQ(display_qualified("my shop", "x.y"), "`my shop`.`x.y`");
  EXPECT_EQ(display_qualified("größe", "1e5"), "`größe`.`1e5`");
}

TEST(MysqlNames, AreReadAsTheyAreShown) {
  for (const QualifiedName& name : std::vector<QualifiedName>{
           {"shop", "orders"}, {"a.b", "c`d"}, {"x", "1"}, {"`", "."}, {"größe", " "}}) {
    EXPECT_EQ(parse_qualified(display_qualified(name.schema, name.name)).value(), name);
  }
  for (const char* wrong : {"", "a", "a.", ".a", "a.b.c", "`a.b", "`a`b.c", "a.b`"}) {
    EXPECT_FALSE(parse_qualified(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace stillpoint::database::mysql

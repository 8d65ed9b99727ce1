// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/target/statement_text.h"

#include <gtest/gtest.h>

#include "database/mysql/target/staging_mark.h"

namespace stillpoint::database::mysql {
namespace {

TEST(MysqlStatementText, NamesOfSchemasAreChangedOutsideOfStringsOnly) {
  EXPECT_EQ(
      with_schemas("select `a`.`a`.`x`, 'from `a`.`t`' from `a`.`t` join `b`.`a`", {{"a", "n`w"}}),
      "select `n``w`.`a`.`x`, 'from `a`.`t`' from `n``w`.`t` join `b`.`a`");
  // A table's name may be its schema's.
  EXPECT_EQ(with_schemas("select sum(`a`.`x`),`a`.`f`(`a`.`y`) from (`a` join `a`.`a` `a`)",
                         {{"a", "b"}}),
            "select sum(`a`.`x`),`b`.`f`(`a`.`y`) from (`a` join `b`.`a` `a`)");
  EXPECT_EQ(with_schemas("`c` int DEFAULT nextval(`a`.`s`), FOREIGN KEY (`x`) REFERENCES `a`.`p`"
                         " (`id`)",
                         {{"a", "b"}}),
            "`c` int DEFAULT nextval(`b`.`s`), FOREIGN KEY (`x`) REFERENCES `b`.`p` (`id`)");
}

TEST(MysqlStatementText, TriggersAreMadeOnOtherTables) {
  EXPECT_EQ(with_trigger_on("CREATE DEFINER=`r`@`%` TRIGGER shop.trg BEFORE INSERT ON  shop . c "
                            "/*on x*/ FOR EACH ROW FOLLOWS `other` SET NEW.id = 'on t'",
                            "trg", "hidden"),
            "CREATE DEFINER=`r`@`%` TRIGGER `trg` BEFORE INSERT ON `hidden` "
            "/*on x*/ FOR EACH ROW SET NEW.id = 'on t'");
  EXPECT_EQ(with_trigger_on("CREATE DEFINER=`r`@`%` TRIGGER IF NOT EXISTS `on` after delete on "
                            "`a``b` for each row\nbegin end",
                            "on", "t"),
            "CREATE DEFINER=`r`@`%` TRIGGER `on` after delete on `t` for each row\nbegin end");
}

TEST(MysqlStatementText, DefinersAreFoundAndLeftOut) {
  const std::string create =
      "CREATE ALGORITHM=MERGE DEFINER=`a``b`@`10.%` SQL SECURITY DEFINER "
      "VIEW `v` AS select 1";
  EXPECT_EQ(definer_of(create)->user, "a`b");
  EXPECT_EQ(definer_of(create)->host, "10.%");
  EXPECT_EQ(without_definer(create),
            "CREATE ALGORITHM=MERGE  SQL SECURITY DEFINER VIEW `v` AS select 1");
  EXPECT_FALSE(definer_of("CREATE VIEW v AS SELECT 1 AS `DEFINER=x`"));
  EXPECT_FALSE(definer_of("CREATE PROCEDURE `p`()\nSELECT definer = 'x'@'y'"));
  EXPECT_EQ(definer_of("CREATE DEFINER=`a_role` PROCEDURE `p`() SELECT 1")->host, "");
}

TEST(MysqlStatementText, EventsAreDisabled) {
  EXPECT_EQ(with_event_disabled("CREATE DEFINER=`r`@`%` EVENT `ENABLE` ON SCHEDULE EVERY 1 DAY "
                                "ON COMPLETION NOT PRESERVE ENABLE COMMENT 'ENABLE' DO SELECT 1"),
            "CREATE DEFINER=`r`@`%` EVENT `ENABLE` ON SCHEDULE EVERY 1 DAY "
            "ON COMPLETION NOT PRESERVE DISABLE COMMENT 'ENABLE' DO SELECT 1");
}

TEST(MysqlStagingMark, NamesAreRecognized) {
  const std::string token = "0123456789abcdef";
  EXPECT_EQ(staging_name("shop", token), "shop_stillpoint_0123456789abcdef");
  EXPECT_TRUE(is_staging_name(staging_name("shop", token), "shop"));
  EXPECT_FALSE(is_staging_name("shop_stillpoint_0123456789abcdeg", "shop"));
  EXPECT_EQ(token_of(staging_name("shop", token)), token);
  EXPECT_EQ(token_of("shop0123456789abcdef"), "");
  const std::string wide = std::string(30, 'x') + "\xc3\xa4\xc3\xa4" + std::string(32, 'y');
  const std::string kept = kept_name(wide, base::now());
  EXPECT_EQ(kept.size(), 64 + 2);  // characters, of which two have two bytes
  EXPECT_TRUE(is_kept_name(kept, wide));
  EXPECT_FALSE(is_kept_name(kept, "shop"));
}

TEST(MysqlStagingMark, MarksAreReadAgain) {
  StagingMark mark{"b", "now", {{"a", "b", "c", "d"}}, true, false, true};
  const auto read = mark_of(text_of(mark));
  ASSERT_TRUE(read);
  EXPECT_EQ(text_of(*read), text_of(mark));
  EXPECT_EQ(read->places.at(0).staged, "c");
  EXPECT_FALSE(mark_of("{}"));
  EXPECT_FALSE(mark_of("no json"));
}

}  // namespace
}  // namespace stillpoint::database::mysql

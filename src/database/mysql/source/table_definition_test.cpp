// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/source/table_definition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stillpoint::database::mysql {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(MysqlTableDefinition, IsTakenApart) {
  const std::string create =
      "CREATE TABLE `odd (na``me` (\n"
      "  `id` int(11) NOT NULL AUTO_INCREMENT,\n"
      "  `KEY x,` varchar(20) DEFAULT 'it''s, (KEY',\n"
      "  `e` enum('a\\\\','),b') DEFAULT NULL COMMENT 'KEY `k` (`x`)',\n"
      "  PRIMARY KEY (`id`),\n"
      "  UNIQUE KEY `u` (`KEY x,`(3)),\n"
      "  KEY `k` (`e`,`id`) COMMENT 'a, b',\n"
      "  FULLTEXT KEY `f` (`KEY x,`),\n"
      "  CONSTRAINT `fk` FOREIGN KEY (`e`) REFERENCES `other` (`e`) ON DELETE CASCADE,\n"
      "  CONSTRAINT `c` CHECK (`id` > 0 and `e` <> 'FOREIGN KEY')\n"
      ") ENGINE=InnoDB AUTO_INCREMENT=7 DEFAULT CHARSET=utf8mb4 COMMENT=' AUTO_INCREMENT=9'\n"
      " PARTITION BY HASH (`id`)\nPARTITIONS 2";
  const TableDefinition taken = take_apart(create);
  EXPECT_EQ(taken.complete, create);
  EXPECT_THAT(taken.indexes,
              ElementsAre("UNIQUE KEY `u` (`KEY x,`(3))", "KEY `k` (`e`,`id`) COMMENT 'a, b'",
                          "FULLTEXT KEY `f` (`KEY x,`)"));
  EXPECT_THAT(taken.foreign_keys,
              ElementsAre("CONSTRAINT `fk` FOREIGN KEY (`e`) REFERENCES `other` (`e`) ON DELETE "
                          "CASCADE"));
  EXPECT_EQ(taken.base,
            "CREATE TABLE `odd (na``me` (\n"
            "  `id` int(11) NOT NULL AUTO_INCREMENT,\n"
            "  `KEY x,` varchar(20) DEFAULT 'it''s, (KEY',\n"
            "  `e` enum('a\\\\','),b') DEFAULT NULL COMMENT 'KEY `k` (`x`)',\n"
            "  PRIMARY KEY (`id`),\n"
            "  CONSTRAINT `c` CHECK (`id` > 0 and `e` <> 'FOREIGN KEY')\n"
            ") ENGINE=InnoDB AUTO_INCREMENT=7 DEFAULT CHARSET=utf8mb4 COMMENT=' AUTO_INCREMENT=9'\n"
            " PARTITION BY HASH (`id`)\nPARTITIONS 2");
  EXPECT_EQ(without_counter(taken.base).find("AUTO_INCREMENT=7"), std::string::npos);
  EXPECT_NE(without_counter(taken.base).find("AUTO_INCREMENT=9"), std::string::npos);
}

TEST(MysqlTableDefinition, KeepsTheIndexOfACounter) {
  const TableDefinition taken = take_apart(
      "CREATE TABLE `t` (\n  `a` int(11) NOT NULL,\n  `n` int(11) NOT NULL AUTO_INCREMENT,\n"
      "  PRIMARY KEY (`a`,`n`),\n  KEY `other` (`a`),\n  KEY `n` (`n`),\n  KEY `n2` (`n`,`a`)\n"
      ") ENGINE=InnoDB");
  EXPECT_THAT(taken.indexes, ElementsAre("KEY `other` (`a`)", "KEY `n2` (`n`,`a`)"));
  EXPECT_THAT(take_apart("nonsense").indexes, IsEmpty());
}

TEST(MysqlTableDefinition, IsSuspectedOfLostCharacters) {
  EXPECT_TRUE(may_have_lost_characters("CREATE TABLE `t` (`e` enum('?','b'))"));
  EXPECT_TRUE(may_have_lost_characters("CREATE TABLE `t` (`e` text DEFAULT 'x?')"));
  EXPECT_FALSE(may_have_lost_characters("CREATE TABLE `t?` (`?` int COMMENT 'why?')"));
}

TEST(MysqlTableDefinition, ChecksLoseTheirNames) {
  EXPECT_EQ(
      without_check_names("CREATE TABLE `t` (\n  `a` int COMMENT '\n  CONSTRAINT `x` CHECK (',\n"
                          "  CONSTRAINT `f` FOREIGN KEY (`a`) REFERENCES `u` (`a`),\n"
                          "  CONSTRAINT `p``q` CHECK ((`a` > 0)),\n"
                          "  CONSTRAINT `r` CHECK ((`a` < 9)) /*!80016 NOT ENFORCED */\n) E"),
      "CREATE TABLE `t` (\n  `a` int COMMENT '\n  CONSTRAINT `x` CHECK (',\n"
      "  CONSTRAINT `f` FOREIGN KEY (`a`) REFERENCES `u` (`a`),\n"
      "  CHECK ((`a` > 0)),\n"
      "  CHECK ((`a` < 9)) /*!80016 NOT ENFORCED */\n) E");
}

}  // namespace
}  // namespace stillpoint::database::mysql

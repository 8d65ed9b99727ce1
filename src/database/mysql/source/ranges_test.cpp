// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/source/ranges.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "database/mysql/source/row_text.h"
#include "database/mysql/testing_source.h"

namespace stillpoint::database::mysql {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::Ge;
using ::testing::Le;

constexpr std::uint64_t part_bytes = 512 * limits::KiB;

// Tables of 40,000 rows of about 100 bytes, with keys of all kinds; some have theirs in heaps that
// are far apart.
const std::map<std::string, std::string> keys = {
    {"whole", "id bigint PRIMARY KEY|IF(i % 2 = 0, -9000000000000000000, 77) + i * 3"},
    {"large", "id bigint unsigned PRIMARY KEY|18446744073709551615 - i"},
    {"small", "id int PRIMARY KEY|i - 20000"},
    {"pair", "a int, b int, PRIMARY KEY (a, b)|IF(i < 3000, i, 5), i"},
    {"words",
     "w varchar(40) CHARACTER SET utf8mb4 PRIMARY KEY|CONCAT(CHAR(97 + i % 26), 'ä''\\\\', i)"},
    {"latin",
     "w varchar(40) CHARACTER SET latin1 COLLATE latin1_german2_ci PRIMARY KEY|"
     "CONCAT(CHAR(97 + i % 26), 'ä', i)"},
    {"bytes", "w varbinary(40) PRIMARY KEY|UNHEX(SHA2(i, 224))"},
    {"days", "d datetime(6) PRIMARY KEY|'2020-01-01' + INTERVAL i MINUTE"},
    {"money", "d decimal(20, 5) PRIMARY KEY|i / 7 + i"},
};

void make_tables(const Server& server) {
  server.run(
      "CREATE DATABASE shop; CREATE TABLE shop.n(i int PRIMARY KEY);"
      "INSERT INTO shop.n WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n "
      "WHERE i < 199) SELECT a.i * 200 + b.i FROM n a, n b");
  for (const auto& [name, key] : keys) {
    const std::size_t bar = key.find('|');
    server.run("CREATE TABLE shop." + name + "(" + key.substr(0, bar) +
               ", filler varchar(200)) CHARACTER SET latin1; INSERT INTO shop." + name +
               " SELECT " + key.substr(bar + 1) +
               ", REPEAT('x', 90) FROM shop.n; ANALYZE TABLE shop." + name);
  }
}

std::string read_all(Connection& session, const std::string& sql) {
  std::string all;
  const auto read = session.stream(sql, [&](const Cells& row) -> Result<void> {
    Bytes line;
    append_row(line, row);
    all += base::text_of(line);
    return {};
  });
  EXPECT_EQ(said(read), "ok") << sql;
  return all;
}

TEST(MysqlRanges, AreDisjointAndCompleteAndTheSameAgain) {
  const Server server;
  make_tables(server);
  Connection session = server.session();
  const Inventory inventory = take_inventory(session, {"shop"}).value();
  ASSERT_EQ(said(session.execute("SET character_set_results = binary")), "ok");
  for (const auto& [name, key] : keys) {
    const Table* table = inventory.find("shop", name);
    const auto ranges = row_ranges(session, *table, part_bytes);
    ASSERT_EQ(said(ranges), "ok") << name;
    EXPECT_THAT(ranges->size(), AllOf(Ge(6U), Le(40U))) << name;
    std::string all;
    std::string sizes;
    for (const RowRange& range : *ranges) {
      const std::string rows = read_all(session, select_sql(*table, range));
      EXPECT_LT(rows.size(), 3 * part_bytes) << name << ": " << range.condition;
      sizes += fmt::format(" {}", rows.size() / 1024);
      all += rows;
    }
    std::printf("%s:%s KiB\n", name.c_str(), sizes.c_str());
    // In the order of the key over all parts, whatever that order is.
    const std::string order = name == "pair" ? "1, 2" : "1";
    EXPECT_TRUE(all == read_all(session, "SELECT * FROM shop." + name + " ORDER BY " + order))
        << name;
    const auto again = row_ranges(session, *table, part_bytes);
    ASSERT_EQ(again->size(), ranges->size()) << name;
    for (std::size_t i = 0; i < again->size(); ++i) {
      EXPECT_EQ((*again)[i].condition, (*ranges)[i].condition);
    }
  }
}

// New rows at the end leave the limits before them where they are.
TEST(MysqlRanges, OfWholeNumbersStayWhereRowsAreAdded) {
  const Server server;
  make_tables(server);
  Connection session = server.session();
  const auto conditions = [&] {
    const Inventory inventory = take_inventory(session, {"shop"}).value();
    std::vector<std::string> all;
    const auto ranges = row_ranges(session, *inventory.find("shop", "small"), part_bytes);
    EXPECT_EQ(said(ranges), "ok");
    for (const RowRange& range : *ranges) {
      all.push_back(range.condition);
    }
    return all;
  };
  const std::vector<std::string> before = conditions();
  server.run(
      "INSERT INTO shop.small SELECT 20001 + i, REPEAT('x', 90) FROM shop.n WHERE i < 4000;"
      "ANALYZE TABLE shop.small");
  const std::vector<std::string> after = conditions();
  ASSERT_GE(after.size(), 4U);
  std::size_t same = 0;
  for (const std::string& one : after) {
    if (std::find(before.begin(), before.end(), one) != before.end()) ++same;
  }
  EXPECT_GE(same, before.size() / 2);
}

TEST(MysqlRanges, AreOneWithoutAKeyThatCuts) {
  const Server server;
  server.run(
      "CREATE DATABASE shop; CREATE TABLE shop.none(i int, filler varchar(5000));"
      "CREATE TABLE shop.prefix(t text, PRIMARY KEY (t(20)));"
      "CREATE TABLE shop.set_key(e enum('a', 'b') PRIMARY KEY, filler varchar(5000));"
      "INSERT INTO shop.none WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
      "WHERE i < 900) SELECT i, REPEAT('x', 5000) FROM n; ANALYZE TABLE shop.none");
  Connection session = server.session();
  const Inventory inventory = take_inventory(session, {"shop"}).value();
  for (const char* name : {"none", "prefix", "set_key"}) {
    const auto ranges = row_ranges(session, *inventory.find("shop", name), 1000);
    ASSERT_EQ(said(ranges), "ok");
    EXPECT_EQ(ranges->size(), 1U) << name;
  }
}

}  // namespace
}  // namespace stillpoint::database::mysql

// SPDX-License-Identifier: Apache-2.0
#include "database/stored_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "database/target.h"

namespace stillpoint::database {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Parts = std::map<std::string, std::string>;

// Shows each part in pieces of that many bytes.
StoredParts parts_of(const Parts& texts, std::size_t piece_bytes) {
  StoredParts parts;
  for (const auto& [path, text] : texts) parts.paths.push_back(path);
  parts.read = [texts, piece_bytes](const std::string& path,
                                    const std::function<Result<void>(ByteView)>& piece,
                                    std::stop_token) -> Result<void> {
    const std::string& text = texts.at(path);
    for (std::size_t at = 0; at < text.size(); at += piece_bytes) {
      TRY(piece(base::view_of(std::string_view(text).substr(at, piece_bytes))));
    }
    return {};
  };
  return parts;
}

StoredRows rows_of(const std::string& first, const std::string& second, std::size_t piece_bytes) {
  return {"postgresql",
          {{"s", "t", "s.t", {"a", "b"}, {"data/s/t/0000", "data/s/t/0001"}}},
          parts_of({{"data/s/t/0000", first}, {"data/s/t/0001", second}}, piece_bytes)};
}

TEST(StoredRows, ShowsEveryRowHoweverItIsCut) {
  for (std::size_t piece = 1; piece < 20; ++piece) {
    StoredRows rows = rows_of("1\tone\n2\t\\N\n", "3\tt\\th\n", piece);
    std::vector<std::string> seen;
    const Watch watch{"s.t", {"b", "a"}, [&](std::span<const Value> values) -> Result<void> {
                        seen.push_back(std::string(values[1].value_or("-")) + "=" +
                                       std::string(values[0].value_or("-")));
                        return {};
                      }};
    ASSERT_TRUE(rows.watch({watch}));
    ASSERT_TRUE(rows.show({}));
    EXPECT_THAT(seen, ElementsAre("1=one", "2=-", "3=t\th")) << piece;
  }
}

TEST(StoredRows, LooksUpASmallTable) {
  StoredRows rows = rows_of("1\tone\n", "2\ttwo\n", 3);
  EXPECT_EQ(rows.table_name("s", "t"), "s.t");
  const auto found = rows.look_up("s.t", {"a"}, 2);
  ASSERT_TRUE(found);
  EXPECT_THAT(*found, ElementsAre(ElementsAre("1"), ElementsAre("2")));
  EXPECT_EQ(rows.look_up("s.t", {"a"}, 1).error().code, Errc::invalid);
  EXPECT_EQ(rows.look_up("s.t", {"c"}, 2).error().code, Errc::not_found);
  EXPECT_EQ(rows.look_up(rows.table_name("s", "u"), {"a"}, 2).error().code, Errc::not_found);
}

TEST(StoredRows, ARowWithoutAnEndIsDamage) {
  StoredRows rows = rows_of("1\tone\n2\ttw", "", 4);
  const auto found = rows.look_up("s.t", {"a"}, 9);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Errc::corrupt);
  EXPECT_THAT(found.error().message, HasSubstr("data/s/t/0000"));
}

std::vector<StoredTable> tables_of(std::string_view kind, const Parts& parts) {
  auto tables = kind_named(kind).value()->stored_tables(parts_of(parts, 7), {});
  EXPECT_TRUE(tables) << tables.error().message;
  return tables.value_or(std::vector<StoredTable>{});
}

TEST(StoredTables, OfPostgresql) {
  const auto tables = tables_of("postgresql", {{"schema/tables.json", R"({"tables": [
         {"schema": "A", "name": "t", "extension": null, "copy": {"columns": ["x", "y"]}},
         {"schema": "A", "name": "of parts", "extension": null, "copy": null}]})"},
                                               {"data/%41/t/0000", ""},
                                               {"data/%41/t/0001", ""},
                                               {"data/large_objects.dump", ""}});
  ASSERT_EQ(tables.size(), 1U);
  EXPECT_EQ(tables[0].shown, R"("A".t)");
  EXPECT_THAT(tables[0].columns, ElementsAre("x", "y"));
  EXPECT_THAT(tables[0].paths, ElementsAre("data/%41/t/0000", "data/%41/t/0001"));
}

TEST(StoredTables, OfMysql) {
  const auto tables = tables_of("mysql", {{"schema/tables.json", R"({"tables": [
         {"schema": "a", "name": "t", "create": "",
          "select": "`x`, CAST(`y` AS DOUBLE), `odd ``, name`",
          "parts": [{"path": "data/a/t/p1/0000", "partition": "p1"},
                    {"path": "data/a/t/p2/0000", "partition": "p2"}]}]})"}});
  ASSERT_EQ(tables.size(), 1U);
  EXPECT_EQ(tables[0].shown, "a.t");
  EXPECT_THAT(tables[0].columns, ElementsAre("x", "y", "odd `, name"));
  EXPECT_THAT(tables[0].paths, ElementsAre("data/a/t/p1/0000", "data/a/t/p2/0000"));
}

TEST(StoredTables, DamageIsTold) {
  for (const char* kind : {"postgresql", "mysql"}) {
    for (const char* text : {"", "{", "[]", "{}", R"({"tables": [{}]})"}) {
      const auto tables =
          kind_named(kind).value()->stored_tables(parts_of({{"schema/tables.json", text}}, 99), {});
      ASSERT_FALSE(tables) << kind << text;
      EXPECT_EQ(tables.error().code, Errc::corrupt);
    }
  }
}

}  // namespace
}  // namespace stillpoint::database

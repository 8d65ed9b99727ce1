// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "database/mysql/source/row_text.h"
#include "database/mysql/testing_source.h"

namespace stillpoint::database::mysql {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const std::string all_types = R"sql(
CREATE TABLE types (k int PRIMARY KEY, a tinyint, b smallint unsigned, c mediumint, d bigint,
  e bigint unsigned, f decimal(65,30), g float, h double, i float(7,4), j double(20,5), l bit(1),
  m bit(64), n date, o datetime(6), p timestamp(6) NULL, q time(6), r year, s char(10),
  t varchar(20),
  u binary(4), v varbinary(300), w tinytext, x mediumtext, y longtext, z longblob,
  aa enum('a','b''c','','x,y') , ab set('a','b','c'), ac json, ad geometry, ae point, af polygon,
  ag varchar(20) CHARACTER SET latin1, ah varchar(20) CHARACTER SET ucs2,
  ai varchar(20) CHARACTER SET utf32, aj varchar(20) CHARACTER SET sjis,
  ak varchar(20) CHARACTER SET gbk, al text CHARACTER SET big5, am bool, an int(8) zerofill,
  ao varchar(20) CHARACTER SET utf16, ap char(10) CHARACTER SET utf8mb3);
INSERT INTO types VALUES (1, -128, 0, -8388608, -9223372036854775808, 0,
  -99999999999999999999999999999999999.999999999999999999999999999999, -3.402823466e38,
  -1.7976931348623157e308, -999.9999, -999999999999999.99999, b'0', 0, '1000-01-01',
  '1000-01-01 00:00:00', '1970-01-01 00:00:01', '-838:59:59', 1901, '', '', '', '', '', '', '', '',
  'a', '', '{}', ST_GeomFromText('POINT(0 0)'), POINT(-1.5, 1e300),
  ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))'), '', '', '', '', '', '', 0, 0, '', ''),
 (2, 127, 65535, 8388607, 9223372036854775807, 18446744073709551615,
  99999999999999999999999999999999999.999999999999999999999999999999, 3.402823466e38,
  1.7976931348623157e308, 999.9999, 999999999999999.99999, b'1', 18446744073709551615, '9999-12-31',
  '9999-12-31 23:59:59.999999', '2038-01-19 03:14:07.999999', '838:59:59', 2155, 'ab cde',
  CONCAT('trailing ', CHAR(9), CHAR(10), CHAR(13), '\\\\  '), X'00FF090A', X'5C4E', 'ÄÖ💰', '\\\\N',
  REPEAT('ä\t', 3000), CONCAT(X'00010203040506070809', X'0A0D1A5C27220080FEFF'), 'b''c', 'a,b,c',
  '{"k": [1, 2.50, "é\\n"], "n": null}', ST_GeomFromText('LINESTRING(0 0,1e-300 1)'), POINT(0, 0),
  NULL, 'äöÿ€', '€äa', '💰a', 'ソ表\\\\', '縗\\\\', '功\\\\', 1, 12345678, '💰', 'äh'),
 (3, 0, 1, 2, 3, 4, 0.000000000000000000000000000001, 1.17549435e-38, 4.9406564584124654e-324,
  0.0001, 0.00001, NULL, 1, '0000-00-00', '0000-00-00 00:00:00', '0000-00-00 00:00:00',
  '00:00:00.000001',
  0, '  lead', ' x ', X'20', X'', ' ', '\\\\', '\\\\\\\\', X'5C30', 'x,y', 'c', '[]', NULL,
  NULL, NULL,
  NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
 (4, 5, 5, 5, 5, 5, 5, 0.1, 0.1, 0.1, 0.1, NULL, 9, '2024-02-00', '2024-00-10 10:00:00', NULL, NULL,
  NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '', NULL, 'null', NULL, NULL, NULL,
  NULL, NULL,
  NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
 (5, 5, 5, 5, 5, 5, 5, 16777217, -0.0, 0.3333333, 12345.678901, NULL, 8, '2024-01-01',
  '2024-01-01 00:00:00.5', NULL, NULL,
  NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '"x"', NULL, NULL,
  NULL, NULL, NULL,
  NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO types(k, g, h) SELECT 100 + seq, EXP(seq) / 3, EXP(-seq * 7) / 7 FROM
  (WITH RECURSIVE n(seq) AS (SELECT -80 UNION ALL SELECT seq + 1 FROM n WHERE seq < 80)
   SELECT seq FROM n) x;
INSERT INTO types(k) VALUES (6);
)sql";

TEST(MysqlTypes, CarriesTheExtremesOfEveryType) {
  const Server server;
  const Server other;
  server.run("CREATE DATABASE shop");
  feed(server, "SET sql_mode = 'ALLOW_INVALID_DATES'; SET time_zone = '+00:00';" + all_types,
       "shop");
  if (!is_mysql()) {
    feed(server,
         "CREATE TABLE more (a inet6, b inet4, c uuid, d varchar(20) COMPRESSED);"
         "INSERT INTO more VALUES ('::', '0.0.0.0', '00000000-0000-0000-0000-000000000000', ''),"
         "('ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', '255.255.255.255',"
         " 'ffffffff-ffff-ffff-ffff-ffffffffffff', 'xä'), (NULL, NULL, NULL, NULL)",
         "shop");
  }
  server.run("SET GLOBAL time_zone = '+05:45', sql_mode = 'TRADITIONAL'");
  auto database = opened(server);
  const Copy copy = copy_of(*database);
  restore_by_hand(other, copy);
  auto back = opened(other);
  const Copy second = copy_of(*back);
  for (const auto& [path, bytes] : copy.parts) {
    if (!path.starts_with("data/")) continue;
    EXPECT_EQ(second.parts.at(path), bytes) << path;
  }
  // Not only as we see it.
  const std::string compare =
      "SELECT SHA2(GROUP_CONCAT(CONCAT_WS('|', k, a, b, c, d, e, f, CAST(g AS DOUBLE), h, i, j,"
      " HEX(l), HEX(m), n, o, p, q, r, HEX(s), HEX(t), HEX(u), HEX(v), HEX(w), HEX(x), HEX(y), "
      "HEX(z),"
      " aa + 0, ab + 0, ac, HEX(ad), HEX(ae), HEX(af), HEX(ag), HEX(ah), HEX(ai), HEX(aj), HEX(ak),"
      " HEX(al), am, an, HEX(ao), HEX(ap)) ORDER BY k), 256) FROM shop.types";
  for (const Server* one : {&server, &other}) {
    one->run("SET GLOBAL group_concat_max_len = 100000000");
  }
  EXPECT_EQ(other.value(compare), server.value(compare));
  EXPECT_THAT(server.value(compare), Not(HasSubstr("error")));
  EXPECT_THAT(database->warnings(), IsEmpty());
}

TEST(MysqlTypes, CarriesLongAndManyValues) {
  const Server server({.arguments = {"--max-allowed-packet=128M"}});
  std::string columns;
  for (int i = 0; i < 500; ++i) columns += (i > 0 ? ", c" : "c") + std::to_string(i) + " int";
  server.run(
      "CREATE DATABASE shop; CREATE TABLE shop.wide(" + columns +
      "); INSERT INTO shop.wide(c0, c499) VALUES(1, 2); CREATE TABLE shop.long_one(i int, t "
      "longtext); INSERT INTO shop.long_one VALUES(1, REPEAT('abcdefghij', 5000000)), (2, '')");
  auto database = opened(server);
  const Copy copy = copy_of(*database);
  EXPECT_EQ(rows_of(copy, "shop.long_one").size(), 50'000'000U + 3 + 3);
  std::string nulls = "1";
  for (int i = 1; i < 499; ++i) nulls += "\t\\N";
  EXPECT_EQ(rows_of(copy, "shop.wide"), nulls + "\t2\n");
}

}  // namespace
}  // namespace stillpoint::database::mysql

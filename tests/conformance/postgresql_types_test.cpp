// SPDX-License-Identifier: Apache-2.0
// Values of every type, and names of every kind, come back as they were.
#include <chrono>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "database/postgresql/testing.h"
#include "database/testing.h"

namespace stillpoint::database {
namespace {

using postgresql::Connection;
using postgresql::Row;

struct Type {
  const char* name;
  const char* values;  // a list of expressions; NULL is added to each
};

const Type types[] = {
    {"smallint", "-32768, 0, 32767"},
    {"integer", "-2147483648, 0, 2147483647"},
    {"bigint", "-9223372036854775808, 0, 9223372036854775807"},
    {"numeric",
     "'NaN', '-1e131071', '1e-16383', '0.00', 0, '1.10', "
     "'123456789012345678901234567890.123456789'"},
    {"numeric(1000,500)", "'1e499', '1e-500', '-0'"},
    {"real", "'NaN', 'Infinity', '-Infinity', '-0', '1e-45', '3.4028235e38', '0.1'"},
    {"double precision",
     "'NaN', 'Infinity', '-Infinity', '-0', '5e-324', '1.7976931348623157e308', '0.1', 1/3.0"},
    {"money", "'-92233720368547758.08', '92233720368547758.07', '0'"},
    {"boolean", "true, false"},
    {"text",
     "'', ' ', '\\N', E'\\\\N', E'\\\\.', E'\\n', E'\\r\\n', E'\\t', E'\\\\', E'\\b\\f\\v', "
     "E'\\x01\\x7f',"
     " 'é', '€', '\U0001F600', 'null', 'NULL', repeat('\U0001F600', 100000), E'a\\\\\\nb\\tc\\\\'"},
    {"varchar(5)", "'', 'abcde', '     '"},
    {"char(5)", "'', 'abcde', 'a    '"},
    {"\"char\"", "'', 'a', E'\\\\200'"},
    {"name", "'', 'x', repeat('n', 63)"},
    {"bytea", "'', '\\x00', '\\x000a0d5c2e09ff', decode(repeat('00ff', 100000), 'hex')"},
    {"date", "'4713-01-01 BC', '-infinity', 'infinity', '5874897-12-31', '2000-02-29'"},
    {"time", "'00:00', '24:00:00', '23:59:59.999999'"},
    {"timetz", "'00:00+15:59', '24:00-15:59', '12:34:56.789012+05:30'"},
    {"timestamp", "'4713-01-01 BC', '294276-12-31 23:59:59.999999', 'infinity', '-infinity'"},
    {"timestamptz",
     "'4713-01-01 00:00+00 BC', '294276-12-31 23:59:59.999999+00', 'infinity', '2026-03-29 "
     "01:30+00'"},
    {"interval",
     "'-178000000 years', '178000000 years', '1 mon -1 day 00:00:00.000001', '-0.000001 s'"},
    {"uuid", "'00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'"},
    {"json", R"('{ "a" : [1, 2.50, null] , "a":"\u00e9\n"}', '""', 'null')"},
    {"jsonb", R"('{"b":1,"a":[{"x":1e400}]}', '""', 'null', '"\ud83d\ude00"')"},
    {"xml", "'', '<a b=\"1\">x</a>', 'text &amp; <b/>'"},
    {"bit(9)", "B'000000000', B'111111111'"},
    {"bit varying", "B'', B'1', repeat('10', 5000)::bit varying"},
    {"inet", "'0.0.0.0', '192.168.1.1/24', '::/0', 'ffff::1/128'"},
    {"cidr", "'10.0.0.0/8', '::/0'"},
    {"macaddr", "'00:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff'"},
    {"macaddr8", "'ff:ff:ff:ff:ff:ff:ff:ff'"},
    {"point", "'(0,-0)', '(1e-300,NaN)', '(Infinity,0.1)'"},
    {"line", "'{1,2,3}'"},
    {"lseg", "'[(0,0),(1,1)]'"},
    {"box", "'((1,1),(0,0))'"},
    {"path", "'((0,0),(1,1))', '[(0,0),(1,0.1)]'"},
    {"polygon", "'((0,0),(1,1),(2,0))'"},
    {"circle", "'<(0,0),1.5>'"},
    {"tsvector", R"('', 'a:1A b:2,3C', $$'odd '' word':4 'back\\slash'$$)"},
    {"tsquery", "'', 'a & !(b | c:*A) <2> d'"},
    {"oid", "0, 4294967295"},
    {"regclass", "'pg_catalog.pg_class', '-'"},
    {"pg_lsn", "'0/0', 'FFFFFFFF/FFFFFFFF'"},
    {"xid8", "'0', '18446744073709551615'"},
    {"int[]", "'{}', '{1,NULL,3}', '[5:6]={7,8}', '{{1,2},{3,4}}'"},
    {"text[]", R"('{}', '{"",NULL,"NULL","a,b","q\"u\\o","{}"," x "}', ARRAY[E'\n\t'])"},
    {"int4range", "'empty', '(,)', '[1,5)', '[,3)'"},
    {"tstzrange", "'[2020-01-01 00:00+00,infinity]', '(,2020-01-01 00:00+00)'"},
    {"\"Od d\".mood", "'sad', '', 'it''s \"so\"'"},
    {"\"Od d\".pair", R"(ROW(1, 'a,b'), ROW(NULL, ''), ROW(2, '("x\'))"},
    {"\"Od d\".positive", "1, 2147483647"},
    {"public.hstore", R"('', '"a"=>NULL, "b c"=>"\"q\""')"},
};

// Parts the list at its commas.
std::vector<std::string> values_in(std::string_view list) {
  std::vector<std::string> values(1);
  bool quoted = false;
  int depth = 0;
  for (const char c : list) {
    if (c == '\'') quoted = !quoted;
    if (!quoted && (c == '(' || c == '[')) ++depth;
    if (!quoted && (c == ')' || c == ']')) --depth;
    if (c == ',' && !quoted && depth == 0) {
      values.emplace_back();
    } else {
      values.back() += c;
    }
  }
  return values;
}

// The rows of every table, in the order of their texts.
std::map<std::string, std::string> content(const postgresql::testing::Server& server,
                                           const std::string& database) {
  std::map<std::string, std::string> all;
  Connection session = server.session(database);
  const auto tables =
      session
          .query(
              "SELECT n.nspname, c.relname, CASE relkind WHEN 'S' THEN"
              " 'last_value, is_called' ELSE '*' END FROM pg_class c JOIN pg_namespace n ON n.oid ="
              " c.relnamespace WHERE relkind IN ('r', 'm', 'S') AND nspname !~ '^pg_'"
              " AND nspname <> 'information_schema'")
          .value();
  for (const Row& row : tables) {
    std::multiset<std::string> rows;
    const auto copied =
        session.copy_out("COPY (SELECT " + row.text(2) + " FROM " +
                             postgresql::quote_qualified(row.text(0), row.text(1)) + ") TO STDOUT",
                         [&](ByteView bytes) -> Result<void> {
                           rows.emplace(base::text_of(bytes));
                           return {};
                         });
    EXPECT_TRUE(copied) << row.text(1) << ": " << copied.error().message;
    std::string& text = all[row.text(0) + "|" + row.text(1)];
    for (const std::string& one : rows) text += one;
  }
  return all;
}

void round_trip(const postgresql::testing::Server& server, const std::string& database) {
  const Kind* kind = kind_named("postgresql").value();
  testing::Copy copy;
  {
    auto source = kind->open(server.address(database), {}).value();
    const auto prepared = source->prepare({});
    ASSERT_TRUE(prepared) << prepared.error().message;
    ASSERT_TRUE(source->open(base::Deadline(std::chrono::seconds(10))));
    copy = testing::copy_of(*source);
  }
  RestoreOptions options;
  options.read_back = true;
  const auto target = kind->open_target(server.address(database + "_back"), options).value();
  const auto restored = testing::restore(*target, copy);
  ASSERT_TRUE(restored) << restored.error().message;
  const auto before = content(server, database);
  const auto after = content(server, database + "_back");
  EXPECT_EQ(before.size(), after.size());
  for (const auto& [table, rows] : before) {
    EXPECT_TRUE(after.contains(table) && after.at(table) == rows) << table;
  }
}

class PostgresqlTypes : public ::testing::Test {
 protected:
  void SetUp() override {
    if (postgresql::testing::programs_folder().empty()) GTEST_SKIP() << "there is no PostgreSQL";
  }
};

TEST_F(PostgresqlTypes, TheExtremesOfEachComeBack) {
  const postgresql::testing::Server server;
  server.run("CREATE DATABASE types");
  server.run(
      "CREATE SCHEMA \"Od d\"; CREATE EXTENSION hstore SCHEMA public;"
      "CREATE TYPE \"Od d\".mood AS ENUM ('sad', '', 'it''s \"so\"');"
      "CREATE TYPE \"Od d\".pair AS (a int, \"b c\" text);"
      "CREATE DOMAIN \"Od d\".positive AS int CHECK (VALUE > 0)",
      "types");
  int number = 0;
  for (const Type& type : types) {
    const std::string table = "public.t" + std::to_string(++number);
    server.run("CREATE TABLE " + table + " (v " + type.name + ")", "types");
    std::string rows = "(NULL)";
    for (const std::string& value : values_in(type.values)) rows += ", (" + value + ")";
    server.run("INSERT INTO " + table + " VALUES " + rows, "types");
  }
  round_trip(server, "types");
}

TEST_F(PostgresqlTypes, OddNamesAndShapesComeBack) {
  const postgresql::testing::Server server;
  server.run("CREATE DATABASE odd");
  const std::string names[] = {"UPPER",
                               "a.b",
                               "a b",
                               "q\"q",
                               "line\nfeed",
                               "tab\t",
                               "100%",
                               "a/b",
                               "..",
                               "back\\slash",
                               "select",
                               "\xC3\xA9t\xC3\xA9",
                               "it's",
                               "a,b",
                               "{}",
                               "$1",
                               "stillpoint",
                               "%s%n",
                               "--",
                               "NULL",
                               "\xF0\x9F\x98\x80",
                               "large_objects.dump x"};
  for (const std::string& name : names) {
    const std::string schema = postgresql::quote_name(name);
    server.run("CREATE SCHEMA " + schema, "odd");
    for (const std::string& table : {name, std::string("plain")}) {
      server.run("CREATE TABLE " + postgresql::quote_qualified(name, table) + " (" + schema +
                     " text, \"other one\" serial PRIMARY KEY); INSERT INTO " +
                     postgresql::quote_qualified(name, table) + " VALUES (" +
                     postgresql::quote_text(name) + "), (NULL), ('')",
                 "odd");
    }
  }
  std::string columns;
  for (int i = 0; i < 500; ++i) columns += fmt::format("{}c{} int DEFAULT {}", i ? ", " : "", i, i);
  server.run("CREATE TABLE public.wide (" + columns +
                 "); INSERT INTO public.wide DEFAULT VALUES;"
                 "CREATE TABLE public.none (); INSERT INTO public.none SELECT;"
                 "CREATE TABLE public.empty (a int);"
                 "CREATE TABLE public.dropped (a int, b int, c text); INSERT INTO public.dropped"
                 " VALUES (1, 2, 'three'); ALTER TABLE public.dropped DROP b;"
                 "CREATE TABLE public.large (v text); INSERT INTO public.large"
                 " SELECT repeat('0123456789', 10000000)",
             "odd");
  round_trip(server, "odd");
}

}  // namespace
}  // namespace stillpoint::database

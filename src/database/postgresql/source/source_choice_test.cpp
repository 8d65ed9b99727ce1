// SPDX-License-Identifier: Apache-2.0
// Which tables a backup takes, and what its user has to be allowed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "database/postgresql/source/selection.h"
#include "database/postgresql/source/source_testing.h"

namespace stillpoint::database::postgresql {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const std::string tables_sql = R"sql(
  CREATE TABLE public.customers (id int PRIMARY KEY); INSERT INTO public.customers VALUES (1);
  CREATE TABLE public.orders (id serial PRIMARY KEY, customer int CONSTRAINT of_customer REFERENCES
    public.customers); INSERT INTO public.orders(customer) VALUES (1);
  CREATE TABLE public.events (at int, what text) PARTITION BY RANGE (at);
  CREATE TABLE public.events_1 PARTITION OF public.events FOR VALUES FROM (0) TO (10);
  CREATE TABLE public.events_2 PARTITION OF public.events FOR VALUES FROM (10) TO (20);
  INSERT INTO public.events VALUES (1, 'one'), (11, 'eleven');
  CREATE VIEW public.all_orders AS SELECT * FROM public.orders;
  CREATE VIEW public.all_customers AS SELECT * FROM public.customers;
  CREATE VIEW public.on_view AS SELECT * FROM public.all_customers;
  CREATE SCHEMA "Odd one"; CREATE TABLE "Odd one"."T.x" AS SELECT 1 AS i;
  CREATE TABLE "Odd one"."we""ird [a-z]*|(x)$
\d?+.{2}" (i int);
  CREATE SEQUENCE public.alone;
)sql";

// The tables and partitions of a choice, and what its schema says.
struct Taken {
  std::vector<std::string> names;
  std::vector<std::string> warnings;
  std::string schema;
};

Taken take(const Server& server, const Choice& choice) {
  auto database = opened(server, {.choice = choice});
  const auto copy = database::testing::copy_of(*database);
  Taken taken;
  for (const Object& object : copy.objects) {
    if (object.kind == "table" || object.kind == "partition") taken.names.push_back(object.name);
  }
  taken.warnings = database->warnings();
  taken.schema = copy.parts.at("schema/pre-data.sql") + copy.parts.at("schema/load.sql");
  return taken;
}

TEST(PostgresqlChoice, TakesNamesAndPatterns) {
  const Server server;
  server.run(tables_sql);
  EXPECT_THAT(take(server, {.tables = {"public.orders"}, .exclude = {}}).names,
              ElementsAre("public.orders"));
  EXPECT_THAT(
      take(server, {.tables = {"public.*s"}, .exclude = {}}).names,
      ElementsAre("public.customers", "public.events_1", "public.events_2", "public.orders"));
  EXPECT_THAT(take(server, {.tables = {"\"Odd one\".\"T.x\""}, .exclude = {}}).names,
              ElementsAre("\"Odd one\".\"T.x\""));
  EXPECT_THAT(take(server, {.tables = {}, .exclude = {"public.events", "\"Odd*"}}).names,
              ElementsAre("public.customers", "public.orders"));
  EXPECT_THAT(take(server, {.tables = {"public.e*"}, .exclude = {"public.events_1"}}).names,
              ElementsAre("public.events_2"));
}

TEST(PostgresqlChoice, KeepsTheSchemaThatBelongsToIt) {
  const Server server;
  server.run(tables_sql);
  const Taken orders = take(server, {.tables = {"public.orders"}, .exclude = {}});
  EXPECT_THAT(
      orders.schema,
      AllOf(HasSubstr("CREATE TABLE public.orders"), HasSubstr("CREATE VIEW public.all_orders"),
            HasSubstr("SEQUENCE public.orders_id_seq"), HasSubstr("SEQUENCE public.alone"),
            HasSubstr("CREATE SCHEMA \"Odd one\""), Not(HasSubstr("customers ")),
            Not(HasSubstr("T.x")), Not(HasSubstr("ird")), Not(HasSubstr("on_view")),
            Not(HasSubstr("events"))));
  EXPECT_THAT(base::join(orders.warnings, "\n"),
              AllOf(HasSubstr("the foreign key \"of_customer\" of public.orders refers to "
                              "public.customers, which is left out"),
                    HasSubstr("public.all_customers is left out"),
                    HasSubstr("public.on_view is left out")));
  // A partition needs what it is a part of; that has no rows.
  const Taken part = take(server, {.tables = {"public.events_2"}, .exclude = {}});
  EXPECT_THAT(part.names, ElementsAre("public.events_2"));
  EXPECT_THAT(part.schema,
              AllOf(HasSubstr("CREATE TABLE public.events ("),
                    HasSubstr("ATTACH PARTITION public.events_2"), Not(HasSubstr("events_1"))));
  const Taken without = take(server, {.tables = {}, .exclude = {"public.orders"}});
  EXPECT_THAT(without.schema, AllOf(Not(HasSubstr("orders")), HasSubstr("public.on_view")));
}

TEST(PostgresqlChoice, SaysWhatWasMeantWhereNothingFits) {
  const Server server;
  server.run(tables_sql);
  const auto refused = [&](const Choice& choice) {
    auto database = source_of(server, {.choice = choice});
    return prepared(*database);
  };
  EXPECT_THAT(refused({.tables = {"public.order"}, .exclude = {}}),
              AllOf(HasSubstr("not_found"), HasSubstr("did you mean 'public.orders'?")));
  EXPECT_THAT(refused({.tables = {"shop.*"}, .exclude = {}}), HasSubstr("not_found"));
  EXPECT_THAT(refused({.tables = {}, .exclude = {"public.custmers"}}),
              AllOf(HasSubstr("leave out"), HasSubstr("public.customers")));
}

TEST(PostgresqlChoice, RowsAloneComeWithoutDefinitions) {
  const Server server;
  server.run(tables_sql);
  const Choice choice = {.tables = {"public.orders"}, .exclude = {}};
  const auto whole = database::testing::copy_of(*opened(server, {.choice = choice}));
  auto database = opened(server, {.choice = choice, .rows_only = true});
  const auto rows = database::testing::copy_of(*database);
  ASSERT_EQ(rows.objects.size(), 1U);
  EXPECT_EQ(rows.objects[0].name, "public.orders");
  ASSERT_EQ(rows.parts.size(), 1U);
  EXPECT_EQ(*rows.parts.begin(), *whole.parts.find(rows.parts.begin()->first));
}

TEST(PostgresqlWatch, ThePartitionsOfATableAreWatchedWithIt) {
  const Server server;
  server.run(tables_sql);
  server.run(
      "ALTER TABLE public.events DETACH PARTITION public.events_2; DROP TABLE public.events_2;"
      "CREATE TABLE public.sub (gone int, what text, at int) PARTITION BY LIST (what);"
      "ALTER TABLE public.sub DROP gone; CREATE TABLE public.sub_1 PARTITION OF public.sub DEFAULT;"
      "ALTER TABLE public.events ATTACH PARTITION public.sub FOR VALUES FROM (10) TO (20);"
      "INSERT INTO public.events VALUES (12, 'twelve')");
  std::vector<std::string> seen;
  auto database = source_of(server, {.readers = 1});
  ASSERT_EQ(prepared(*database), "ok");
  ASSERT_EQ(said(database->watch({{"public.events",
                                   {"what", "at"},
                                   [&](std::span<const Value> values) {
                                     seen.push_back(std::string(*values[0]) + " " +
                                                    std::string(*values[1]));
                                     return Result<void>();
                                   }}})),
            "ok");
  ASSERT_EQ(open_now(*database), "ok");
  database::testing::copy_of(*database);
  EXPECT_THAT(seen, ::testing::UnorderedElementsAre("one 1", "twelve 12"));
}

TEST(PostgresqlWatch, RowsThatAreNotInTheBackupCannotBeWatched) {
  const Server server;
  server.run(tables_sql);
  const auto watching = [&](const Choice& choice, const std::vector<std::string>& tables) {
    auto database = source_of(server, {.choice = choice});
    EXPECT_EQ(prepared(*database), "ok");
    std::vector<Watch> watches;
    for (const std::string& table : tables) {
      watches.push_back({table, {}, [](auto) { return Result<void>(); }});
    }
    return said(database->watch(std::move(watches)));
  };
  EXPECT_EQ(watching({}, {"public.orders", "public.events"}), "ok");
  EXPECT_THAT(watching({{"public.orders"}, {}}, {"public.customers"}), HasSubstr("not_found"));
  EXPECT_THAT(watching({{}, {"public.events_1"}}, {"public.events"}), HasSubstr("not_found"));
  EXPECT_THAT(watching({}, {"public.all_orders"}), HasSubstr("not_found"));
  EXPECT_THAT(watching({}, {"public.events_1", "public.events"}), HasSubstr("watched twice"));
}

// Exactly what the error asks for is enough, and nothing of it is too much.
TEST(PostgresqlPrivileges, TheMissingGrantsAreNamedAndAreEnough) {
  const Server server;
  server.run(
      "CREATE ROLE \"Back up\" LOGIN; CREATE SCHEMA \"Odd one\"; CREATE SCHEMA \"order\";"
      "CREATE TABLE \"Odd one\".\"T.x\" AS SELECT 1 AS i; CREATE TABLE public.\"user\" AS SELECT 2 "
      "AS i; CREATE TABLE \"order\".guarded AS SELECT 3 AS i;"
      "ALTER TABLE \"order\".guarded ENABLE ROW LEVEL SECURITY; CREATE SEQUENCE public.numbers;"
      "CREATE TABLE public.granted AS SELECT 4 AS i; GRANT SELECT ON public.granted TO PUBLIC;"
      "SELECT lo_from_bytea(4711, 'x'), lo_from_bytea(4712, 'y');"
      "GRANT SELECT ON LARGE OBJECT 4712 TO PUBLIC");
  std::string done;
  for (int round = 0; round < 10; ++round) {
    auto database = open_database(Address{server.url("postgres", "Back up"), {}, {}}, {}).value();
    const auto prepared = database->prepare({});
    if (prepared) {
      ASSERT_EQ(open_now(*database), "ok");
      const auto copy = database::testing::copy_of(*database);
      EXPECT_EQ(copy.parts.at("data/order/guarded/0000"), "3\n");
      break;
    }
    EXPECT_EQ(prepared.error().code, Errc::denied);
    const std::string& advice = prepared.error().advice;
    const std::string sql = advice.substr(advice.find('\n') + 1) + "\n";
    EXPECT_THAT(sql, Not(HasSubstr("granted")));
    EXPECT_THAT(sql, Not(HasSubstr("4712")));
    done += sql;
    server.run(sql);
  }
  EXPECT_EQ(done,
            "GRANT USAGE ON SCHEMA \"Odd one\", \"order\" TO \"Back up\";\n"
            "GRANT SELECT ON TABLE \"Odd one\".\"T.x\", \"order\".guarded, public.\"user\" TO "
            "\"Back up\";\n"
            "GRANT SELECT ON SEQUENCE public.numbers TO \"Back up\";\n"
            "GRANT SELECT ON LARGE OBJECT 4711 TO \"Back up\";\n"
            "ALTER ROLE \"Back up\" BYPASSRLS;\n");
}

TEST(PostgresqlPrivileges, OfManyTablesTheGeneralRightIsNamed) {
  const Server server;
  std::string sql = "CREATE ROLE poor LOGIN;";
  for (int i = 0; i < 40; ++i) sql += "CREATE TABLE public.t" + std::to_string(i) + "(i int);";
  server.run(sql);
  auto database = open_database(server.address("postgres", "poor"), {}).value();
  const std::string why = prepared(*database);
  EXPECT_THAT(why, AllOf(HasSubstr("denied: user poor may not read the table public.t0"),
                         HasSubstr("and 35 more")));
  EXPECT_THAT(why, HasSubstr("GRANT pg_read_all_data TO poor;"));
  server.run("GRANT pg_read_all_data TO poor");
  database = open_database(server.address("postgres", "poor"), {}).value();
  EXPECT_EQ(prepared(*database), "ok");
}

TEST(PostgresqlPrivileges, OnlyWhatIsChosenIsNeeded) {
  const Server server;
  server.run(
      "CREATE ROLE poor LOGIN; CREATE TABLE public.a AS SELECT 1 AS i; "
      "CREATE TABLE public.b AS SELECT 2 AS i; GRANT SELECT ON public.a TO poor");
  auto database = open_database(server.address("postgres", "poor"),
                                {.choice = {.tables = {"public.a"}, .exclude = {}}})
                      .value();
  EXPECT_EQ(prepared(*database), "ok");
  EXPECT_EQ(open_now(*database), "ok");
  const auto copy = database::testing::copy_of(*database);
  EXPECT_EQ(copy.parts.at("data/public/a/0000"), "1\n");
}

}  // namespace
}  // namespace stillpoint::database::postgresql

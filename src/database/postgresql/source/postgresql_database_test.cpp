// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/source/postgresql_database.h"

#include <filesystem>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <xxhash.h>

#include "base/encoding.h"
#include "base/text.h"
#include "database/postgresql/source/source_testing.h"
#include "database/postgresql/testing.h"
#include "database/sqlite/testing.h"
#include "database/testing.h"

namespace stillpoint::database::postgresql {
namespace {

namespace fs = std::filesystem;
using database::testing::Copy;
using database::testing::copy_of;
using sqlite::testing::Folder;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using namespace testing;

std::string rows_of(const Copy& copy, const std::string& table) {
  std::string all;
  const Object* object = find_object(copy.objects, table);
  EXPECT_EQ(object->name, table);
  for (const Part& part : object->parts) all += copy.parts.at(part.path);
  return all;
}

// Runs psql, pg_dump … as somebody without Stillpoint would.
std::string run(const std::string& command) {
  std::string output;
  const auto ran = base::run_program({{"sh", "-c", command + " 2>&1"}, {}, {}},
                                     [&](ByteView bytes) -> Result<void> {
                                       output += base::text_of(bytes);
                                       return {};
                                     },
                                     {});
  EXPECT_TRUE(ran) << ran.error().message << output.substr(0, 4000);
  return output;
}

// pg_dump's text, without what changes each time.
std::string dump(const Server& server, const std::string& database) {
  const std::string text = run("pg_dump --no-sync '" + server.url(database) + "'");
  std::string kept;
  for (const std::string& line : base::split(text, '\n')) {
    if (!line.starts_with("\\restrict") && !line.starts_with("\\unrestrict")) kept += line + "\n";
  }
  return kept;
}

void restore_by_hand(const Server& server, const Copy& copy, const std::string& database) {
  const Folder folder;
  for (const auto& [path, bytes] : copy.parts) {
    const fs::path file = fs::path(folder.path()) / path;
    fs::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << bytes;
  }
  run("cd " + folder.path() +
      " && psql -qXv ON_ERROR_STOP=1 -f schema/pre-data.sql -f "
      "schema/load.sql -f schema/post-data.sql '" +
      server.url(database) + "' >/dev/null");
  if (copy.parts.contains("data/large_objects.dump")) {
    run("cd " + folder.path() + " && pg_restore -d '" + server.url(database) +
        "' data/large_objects.dump");
  }
}

const std::string every_kind = R"sql(
  SET search_path = public; CREATE EXTENSION citext; CREATE EXTENSION hstore;
  CREATE SCHEMA "Odd schema.x"; CREATE SCHEMA shop;
  CREATE TYPE shop.mood AS ENUM ('sad', 'ok', 'it''s fine');
  CREATE DOMAIN shop.positive AS int CHECK (VALUE > 0);
  CREATE TYPE shop.pair AS (a int, b text);
  CREATE FUNCTION shop.twice(i int) RETURNS int LANGUAGE sql IMMUTABLE RETURN i * 2;
  CREATE SEQUENCE shop.free START 7 INCREMENT 3;
  SELECT nextval('shop.free'), nextval('shop.free');
  CREATE SEQUENCE shop.untouched START 42;
  CREATE TABLE shop.items (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name citext NOT NULL,
    mood shop.mood, amount shop.positive, duo shop.pair, doubled int GENERATED ALWAYS AS
    (amount * 2) STORED, tags hstore, gone int, CONSTRAINT named CHECK (name <> 'bad'));
  ALTER TABLE shop.items DROP COLUMN gone;
  COMMENT ON TABLE shop.items IS 'things';
  COMMENT ON COLUMN shop.items.name IS 'what it is called';
  CREATE INDEX by_mood ON shop.items USING btree (mood) INCLUDE (name) WHERE amount > 5;
  CREATE UNIQUE INDEX "by USING name" ON shop.items (lower(name::text) DESC);
  INSERT INTO shop.items(name, mood, amount, duo, tags) SELECT 'item ' || i, 'ok'::shop.mood, i,
    ROW(i, 'x' || i)::shop.pair, 'a=>1' FROM generate_series(1, 200) i;
  CREATE TABLE shop.orders (id serial PRIMARY KEY, item int REFERENCES shop.items ON
    DELETE CASCADE);
  INSERT INTO shop.orders(item) SELECT 1 + i % 200 FROM generate_series(1, 500) i;
  CREATE TABLE shop.events (at date, what text) PARTITION BY RANGE (at);
  CREATE TABLE shop.events_2025 PARTITION OF shop.events FOR VALUES FROM ('2025-01-01') TO
    ('2026-01-01');
  CREATE TABLE shop.events_rest PARTITION OF shop.events DEFAULT;
  CREATE INDEX ON shop.events (at);
  INSERT INTO shop.events VALUES ('2025-03-01', 'spring'), ('1999-12-31', 'party');
  CREATE TABLE shop.parent (i int); CREATE TABLE shop.child (j int) INHERITS (shop.parent);
  INSERT INTO shop.parent VALUES (1); INSERT INTO shop.child VALUES (2, 3);
  CREATE UNLOGGED TABLE shop.cache (k text PRIMARY KEY, v text); INSERT INTO shop.cache VALUES('a');
  CREATE VIEW shop.cheap AS SELECT * FROM shop.items WHERE amount < 10;
  CREATE MATERIALIZED VIEW shop.sums AS SELECT mood, sum(amount) FROM shop.items GROUP BY mood;
  CREATE TABLE shop.no_columns (); INSERT INTO shop.no_columns DEFAULT VALUES;
  INSERT INTO shop.no_columns DEFAULT VALUES;
  CREATE TABLE "Odd schema.x"."t""able 'é
x" ("Col
umn" text, "select" text, "a\b" int);
  INSERT INTO "Odd schema.x"."t""able 'é
x" VALUES (E'line\nfeed\ttab\\backslash', '💰', 1), ('', NULL, 2), ('\N', '\.', 3);
  CREATE TABLE shop.guarded (i int); INSERT INTO shop.guarded VALUES (1), (2);
  ALTER TABLE shop.guarded ENABLE ROW LEVEL SECURITY; ALTER TABLE shop.guarded FORCE ROW LEVEL
    SECURITY; CREATE POLICY one ON shop.guarded USING (i = 1);
  CREATE FUNCTION shop.noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
  CREATE TRIGGER noted BEFORE INSERT ON shop.items FOR EACH ROW EXECUTE FUNCTION shop.noted();
  CREATE RULE quiet AS ON DELETE TO shop.orders DO INSTEAD NOTHING;
  CREATE PUBLICATION news FOR TABLE shop.items;
  CREATE STATISTICS shop.linked (dependencies) ON name, mood FROM shop.items;
  GRANT SELECT ON shop.items TO PUBLIC; GRANT UPDATE (name) ON shop.items TO PUBLIC;
  SELECT lo_from_bytea(4711, 'hello'::bytea), lo_from_bytea(4712, decode(repeat('00ff', 9999),
    'hex'));
  COMMENT ON LARGE OBJECT 4711 IS 'a greeting'; GRANT SELECT ON LARGE OBJECT 4712 TO PUBLIC;
  ALTER SEQUENCE shop.orders_id_seq RESTART 1000;
)sql";

TEST(PostgresqlDatabase, IsRestoredByHandAsItWas) {
  const Server server;
  server.run("CREATE DATABASE shop");
  server.run("CREATE DATABASE again");
  server.run(every_kind, "shop");
  auto database = opened(server, {}, "shop");
  const std::string before = dump(server, "shop");
  const Copy copy = copy_of(*database);
  restore_by_hand(server, copy, "again");
  EXPECT_EQ(dump(server, "again"), before);
  EXPECT_EQ(server.value("SELECT i FROM shop.guarded WHERE i = 2", "again"), "2");
  EXPECT_EQ(server.value("SELECT sum(sum) FROM shop.sums", "again"), "20100");
  EXPECT_EQ(server.value("SELECT convert_from(lo_get(4711), 'UTF8')", "again"), "hello");
  EXPECT_EQ(server.value("SELECT nextval('shop.free') || ' ' || nextval('shop.untouched') || ' ' ||"
                         " nextval('shop.orders_id_seq')",
                         "again"),
            "13 42 1000");
  EXPECT_THAT(database->warnings(), IsEmpty());
  EXPECT_THAT(database->left_out(), IsEmpty());
  EXPECT_EQ(*find_object(copy.objects, "shop.items")->rows, 200U);
  EXPECT_EQ(*find_object(copy.objects, "shop.no_columns")->rows, 2U);
  EXPECT_THAT(names_of(copy.objects, "partition"),
              ElementsAre("shop.events_2025", "shop.events_rest"));
  EXPECT_THAT(names_of(copy.objects, "partitioned table"), ElementsAre("shop.events"));
  EXPECT_THAT(names_of(copy.objects, "view"), ElementsAre("shop.cheap"));
  EXPECT_THAT(names_of(copy.objects, "materialized view"), ElementsAre("shop.sums"));
  EXPECT_THAT(names_of(copy.objects, "extension"), ElementsAre("citext", "hstore"));
  EXPECT_THAT(names_of(copy.objects, "function"),
              ElementsAre("shop.noted()", "shop.twice(i integer)"));
  EXPECT_THAT(names_of(copy.objects, "sequence"), Contains("shop.items_id_seq"));
}

// The checksum is what docs/formats/manifest.md says, whatever the order and the parts.
TEST(PostgresqlDatabase, TellsRowsAndTheirChecksum) {
  const Server server;
  server.run(
      "CREATE TABLE public.a(i int, t text); INSERT INTO public.a SELECT i, 'row ' || i "
      "FROM generate_series(1, 1000) i;"
      "CREATE TABLE public.b AS SELECT * FROM public.a ORDER BY i DESC;"
      "CREATE TABLE public.c AS SELECT * FROM public.a WHERE i <> 500;"
      "CREATE TABLE public.none(i int)");
  auto database = opened(server);
  const Copy copy = copy_of(*database);
  const Object* a = find_object(copy.objects, "public.a");
  std::uint64_t sum = 0;
  for (int i = 1; i <= 1000; ++i) {
    const std::string row = std::to_string(i) + "\trow " + std::to_string(i) + "\n";
    sum += XXH3_64bits(row.data(), row.size());
  }
  EXPECT_EQ(*a->checksum, sum);
  EXPECT_EQ(*a->rows, 1000U);
  EXPECT_EQ(find_object(copy.objects, "public.b")->checksum, a->checksum);
  EXPECT_NE(find_object(copy.objects, "public.c")->checksum, a->checksum);
  EXPECT_EQ(*find_object(copy.objects, "public.none")->rows, 0U);
  EXPECT_EQ(*find_object(copy.objects, "public.none")->checksum, 0U);
}

TEST(PostgresqlDatabase, ShowsNothingThatIsCommittedAfterTheOpening) {
  const Server server;
  server.run(
      "CREATE TABLE public.names(i int PRIMARY KEY, name text); INSERT INTO public.names "
      "SELECT i, repeat('name ' || i, 50) FROM generate_series(1, 20000) i");
  auto database = opened(server);
  const std::string mark = database->write_mark().value();
  EXPECT_EQ(database->write_mark().value(), mark);
  std::string expected;
  Connection reference = server.session();
  EXPECT_EQ(said(reference.copy_out("COPY public.names TO STDOUT",
                                    [&](ByteView row) -> Result<void> {
                                      expected += base::text_of(row);
                                      return {};
                                    })),
            "ok");
  int round = 0;
  const Copy copy = copy_of(*database, [&] {
    if (++round % 4 != 0) return;
    server.run(
        "UPDATE public.names SET name = 'changed' WHERE i % 10 = 3;"
        "DELETE FROM public.names WHERE i % 10 = 4;"
        "INSERT INTO public.names SELECT max(i) + 1, 'new' FROM public.names");
    server.run("VACUUM public.names");
  });
  EXPECT_GT(round, 8);
  EXPECT_NE(database->write_mark().value(), mark);
  EXPECT_EQ(rows_of(copy, "public.names"), expected);
  const Copy again = copy_of(*database);
  EXPECT_TRUE(again.parts == copy.parts);
  EXPECT_THAT(database->point({})->position, AllOf(HasSubstr(":"), HasSubstr(" at 0/")));
}

// An older transaction that commits does not move xmax.
TEST(PostgresqlDatabase, TheWriteMarkSeesAnOlderTransactionCommit) {
  const Server server;
  server.run("CREATE TABLE public.t(i int)");
  auto database = opened(server);
  Connection older = server.session();
  EXPECT_EQ(said(older.execute("BEGIN; INSERT INTO public.t VALUES(1)")), "ok");
  server.run("INSERT INTO public.t VALUES(2)");
  const std::string before = database->write_mark().value();
  EXPECT_EQ(said(older.execute("COMMIT")), "ok");
  EXPECT_NE(database->write_mark().value(), before);
}

TEST(PostgresqlDatabase, CutsLargeTablesIntoDisjointCompleteParts) {
  const Server server;
  server.run(
      "CREATE TABLE public.big(i int, filler text); ALTER TABLE public.big ALTER filler SET "
      "STORAGE PLAIN; INSERT INTO public.big SELECT i, repeat('x', 7000) FROM "
      "generate_series(1, 20000) i; DELETE FROM public.big WHERE i % 7 = 0");
  auto database = opened(server, {.readers = 3});
  const Copy copy = copy_of(*database);
  const Object* big = find_object(copy.objects, "public.big");
  ASSERT_EQ(big->parts.size(), 3U);
  EXPECT_EQ(big->parts[1].path, "data/public/big/0001");
  EXPECT_EQ(*big->rows, 20000U - 20000U / 7);
  std::string expected;
  for (int i = 1; i <= 20000; ++i) {
    if (i % 7 != 0) expected += std::to_string(i) + "\t" + std::string(7000, 'x') + "\n";
  }
  EXPECT_TRUE(rows_of(copy, "public.big") == expected);
  EXPECT_EQ(database->capabilities().readers, 3U);
}

TEST(PostgresqlDatabase, IsReadBySeveralThreadsAtOnce) {
  const Server server;
  std::string tables;
  for (int i = 0; i < 20; ++i) {
    tables += fmt::format("CREATE TABLE public.t{} AS SELECT j FROM generate_series(1, {}) j;", i,
                          1000 * i);
  }
  server.run(tables);
  auto database = opened(server, {.readers = 4});
  auto objects = database->objects().value();
  std::vector<std::jthread> threads;
  std::atomic<int> read = 0;
  for (const Object& object : objects) {
    for (const Part& part : object.parts) {
      threads.emplace_back([&] {
        database::testing::MemorySink sink;
        const auto receipt = database->read(part, sink, {});
        EXPECT_EQ(said(receipt), "ok");
        if (object.name.starts_with("public.t")) {
          EXPECT_EQ(*receipt->rows, 1000 * std::stoul(object.name.substr(8))) << object.name;
          ++read;
        }
      });
    }
  }
  threads.clear();
  EXPECT_EQ(read, 20);
}

const std::string all_types = R"sql(
  CREATE TABLE public.types (a smallint, b int, c bigint, d numeric, e real, f double precision,
    g money, h text, i varchar(10), j char(5), k bytea, l timestamp, m timestamptz, n date, o time,
    p timetz, q interval, r boolean, s inet, t cidr, u macaddr, v macaddr8, w bit(3), x varbit,
    y tsvector, z tsquery, aa uuid, ab xml, ac json, ad jsonb, ae int[], af text[][], ag int4range,
    ah tstzrange, ai nummultirange, aj point, ak polygon, al circle, am box, an path, ao line,
    ap lseg, aq pg_lsn, ar name, as_ "char", at_ oid, au regclass, av int4multirange);
  INSERT INTO public.types VALUES (-32768, -2147483648, -9223372036854775808,
    'NaN', '-Infinity', 4.9406564584124654e-324, '-92233720368547758.08', '', '', '', '',
    '-infinity',
    'infinity', '4713-01-01 BC', '00:00', '24:00:00-15:59', '-178000000 years', true, '::/0',
    '::/0',
    '00:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff:ff:ff', '000', '', '', '',
    '00000000-0000-0000-0000-000000000000',
    '<a>x</a>', '{"a":  1}', 'null', '{}', '{{"a,b",NULL},{"","\"\\"}}', 'empty', '(,)', '{}',
    '(NaN,-0)', '((0,0))', '<(1,1),0>', '((1,2),(3,4))', '[(0,0),(1e300,1)]', '{1,0,0}',
    '[(0,0),(1,1)]', '0/0', 'n', 'c', 4294967295, 'pg_class', '{[1,2),[5,7)}'),
   (32767, 2147483647, 9223372036854775807, 1e130000, 'NaN', 1.7976931348623157e308,
    '92233720368547758.07', E'\t\n\r\\\b', 'ÄÖ💰', '  a', '\x00ff0a5c',
    '294276-12-31 23:59:59.999999',
    '0001-01-01 00:00:00 BC', '5874897-12-31', '23:59:59.999999', '00:00+15:59',
    '1 year 2 mons -3 days 04:05:06.789',
    false, '1.2.3.4/8', '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', '111',
    '10101',
    'a:1A fat:2B,4C', 'fat & (rat | cat)', 'ffffffff-ffff-ffff-ffff-ffffffffffff', 'a<b/>c',
    '[]', '{"k":[1,2.50,"é"]}', '[0:1]={1,NULL}', NULL, '[1,10)', '["2020-01-01 00:00+00",)',
    '{[1.5,2.5]}', '(1,2)', '((0,0),(1,1),(1,0))', '<(0,0),5>', '((0,0),(0,0))', '((0,0),(1,1))',
    '{0,1,-5}', '[(1,2),(3,4)]', 'FFFFFFFF/FFFFFFFF', repeat('x',63), '\200', 0, NULL, NULL);
  INSERT INTO public.types DEFAULT VALUES;
)sql";

TEST(PostgresqlDatabase, CarriesTheExtremesOfEveryType) {
  const Server server;
  server.run("CREATE DATABASE types");
  server.run("CREATE DATABASE again");
  server.run("SET lc_monetary = 'C'; " + all_types, "types");
  // Settings that would change the texts, if they were not ours.
  server.run(
      "ALTER DATABASE types SET DateStyle = 'German'; ALTER DATABASE types SET TimeZone = "
      "'Asia/Kathmandu'; ALTER DATABASE types SET IntervalStyle = 'sql_standard'; "
      "ALTER DATABASE types SET extra_float_digits = -10; "
      "ALTER DATABASE types SET bytea_output = 'escape'");
  auto database = opened(server, {}, "types");
  const Copy copy = copy_of(*database);
  restore_by_hand(server, copy, "again");
  server.run("ALTER DATABASE types RESET ALL");
  EXPECT_TRUE(dump(server, "again") == dump(server, "types"));
  auto second = opened(server, {}, "again");
  const Copy back = copy_of(*second);
  EXPECT_EQ(rows_of(back, "public.types"), rows_of(copy, "public.types"));
}

TEST(PostgresqlDatabase, CarriesLongAndManyValues) {
  const Server server;
  std::string columns;
  for (int i = 0; i < 500; ++i) columns += (i > 0 ? ", c" : "c") + std::to_string(i) + " int";
  server.run("CREATE TABLE public.wide(" + columns +
             "); INSERT INTO public.wide(c0, c499) "
             "VALUES(1, 2); CREATE TABLE public.long(i int, t text); INSERT INTO public.long "
             "VALUES(1, repeat('abcdefghij', 10000000)), (2, '')");
  auto database = opened(server);
  const Copy copy = copy_of(*database);
  EXPECT_EQ(rows_of(copy, "public.long").size(), 100'000'000U + 3 + 3);
  std::string nulls = "1";
  for (int i = 1; i < 499; ++i) nulls += "\t\\N";
  EXPECT_EQ(rows_of(copy, "public.wide"), nulls + "\t2\n");
}

TEST(PostgresqlDatabase, KeepsTheEncodingOfItsRows) {
  const Server server({.encoding = "LATIN1"});
  server.run("CREATE DATABASE again");
  server.run(
      "CREATE TABLE public.\"größe\"(\"maß\" text); INSERT INTO public.\"größe\" "
      "VALUES('äöü'), ('\xc3\xbf')");
  auto database = opened(server);
  const Copy copy = copy_of(*database);
  EXPECT_EQ(rows_of(copy, "public.\"größe\""), "\xe4\xf6\xfc\n\xff\n");
  EXPECT_TRUE(copy.parts.contains("data/public/gr%c3%b6%c3%9fe/0000"));
  restore_by_hand(server, copy, "again");
  EXPECT_EQ(dump(server, "again"), dump(server, "postgres"));
}

TEST(PostgresqlDatabase, TakesOnlyTheUsersRowsOfAnExtensionsTables) {
  const Server server;
  const std::string version = std::to_string(server.session().server_version() / 10000);
  const std::string extensions = "/usr/share/postgresql/" + version + "/extension/";
  if (!fs::exists(extensions)) GTEST_SKIP() << "no folder of extensions at " << extensions;
  const std::string name = "stillpoint_test_" + std::to_string(::getpid());
  struct Files {
    std::string control;
    std::string script;
    ~Files() {
      fs::remove(control);
      fs::remove(script);
    }
  };
  const Files files{extensions + name + ".control", extensions + name + "--1.sql"};
  if (!(std::ofstream(files.control) << "default_version = '1'\nrelocatable = false\n")) {
    GTEST_SKIP() << "only root can install extensions";
  }
  std::ofstream(files.script)
      << "CREATE TABLE public.rates(code text, own bool); INSERT INTO public.rates "
         "VALUES('EUR', false); CREATE TABLE public.internals(i int); INSERT INTO "
         "public.internals VALUES(1); SELECT pg_catalog.pg_extension_config_dump("
         "'public.rates', 'WHERE own');\n";
  server.run("CREATE EXTENSION " + name +
             " SCHEMA public; INSERT INTO public.rates VALUES('XYZ', true)");
  auto database = opened(server);
  const Copy copy = copy_of(*database);
  EXPECT_EQ(rows_of(copy, "public.rates"), "XYZ\tt\n");
  EXPECT_EQ(find_object(copy.objects, "public.internals")->kind, "none");
  EXPECT_THAT(copy.parts.at("schema/tables.json"), HasSubstr("\"condition\":\"WHERE own\""));
}

TEST(PostgresqlDatabase, SaysWhatItIs) {
  const Server server({.initdb = {"--data-checksums"}});
  auto database = source_of(server);
  EXPECT_EQ(database->kind(), "postgresql");
  EXPECT_EQ(database->url(), server.url());
  ASSERT_EQ(said(database->prepare({})), "ok");
  std::map<std::string, std::string> settings;
  for (const Setting& setting : database->settings()) settings[setting.name] = setting.value;
  EXPECT_EQ(settings["database"], "postgres");
  EXPECT_EQ(settings["encoding"], "UTF8");
  EXPECT_EQ(settings["collate"], "C");
  EXPECT_EQ(settings["locale_provider"], "libc");
  EXPECT_EQ(settings["owner"], "postgres");
  EXPECT_EQ(settings["tablespace"], "pg_default");
  EXPECT_EQ(settings["data_checksums"], "on");
  EXPECT_EQ(settings["in_recovery"], "off");
  EXPECT_EQ(settings["system_identifier"],
            server.value("SELECT system_identifier FROM pg_control_system()"));
  EXPECT_THAT(settings["server_version"], HasSubstr("."));
  EXPECT_TRUE(database->capabilities().snapshot);
  EXPECT_TRUE(database->capabilities().write_mark);
  EXPECT_TRUE(database->capabilities().hold_writes);
  EXPECT_FALSE(database->capabilities().writers_wait);
}

TEST(PostgresqlDatabase, NeedsNoMoreThanItsPasswordFile) {
  const Server server({.access = {"host all guarded 127.0.0.1/32 scram-sha-256"}});
  server.run("CREATE ROLE guarded LOGIN SUPERUSER PASSWORD 'se''sa:me \\x'");
  server.run("CREATE TABLE public.t(i int); SELECT lo_from_bytea(0, 'hello')");
  const std::string file = server.folder() + "/password";
  std::ofstream(file) << "se'sa:me \\x\n";
  // The environment's is somebody else's.
  ::setenv("PGPASSWORD", "wrong", 1);
  auto database = open_database(Address{server.url("postgres", "guarded"), file, {}}, {}).value();
  EXPECT_EQ(said(database->prepare({})), "ok");
  EXPECT_EQ(said(database->open(base::Deadline(seconds(10)))), "ok");
  const Copy copy = copy_of(*database);
  ::unsetenv("PGPASSWORD");
  EXPECT_THAT(copy.parts.at("schema/roles.sql"),
              AllOf(HasSubstr("CREATE ROLE guarded"), Not(HasSubstr("SCRAM"))));
  EXPECT_THAT(copy.parts.at("data/large_objects.dump"), HasSubstr("hello"));
  for (const auto& [path, text] : copy.parts) EXPECT_THAT(text, Not(HasSubstr("sa:me"))) << path;
}

}  // namespace
}  // namespace stillpoint::database::postgresql

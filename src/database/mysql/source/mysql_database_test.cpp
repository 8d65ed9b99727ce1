// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/source/mysql_database.h"

#include <atomic>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <xxhash.h>

#include "database/mysql/testing_every_kind.h"
#include "database/mysql/testing_source.h"

namespace stillpoint::database::mysql {
namespace {

using namespace testing;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

TEST(MysqlDatabase, IsRestoredByHandAsItWas) {
  const Server server;
  const Server other({.arguments = {"--event-scheduler=ON"}});
  make_every_kind(server);
  auto database = opened(server);
  const std::string before = dump(server, "shop");
  const Copy copy = copy_of(*database);
  restore_by_hand(other, copy);
  EXPECT_EQ(difference(dump(other, "shop"), before), "");
  // What came of it works.
  other.run("INSERT INTO shop.orders(item) VALUES (7)");
  EXPECT_EQ(other.value("SELECT GROUP_CONCAT(what ORDER BY id) FROM shop.noted"),
            "first,second; ä💰");
  EXPECT_EQ(other.value("SELECT MAX(id) FROM shop.orders"), "1000");
  EXPECT_EQ(other.value("SELECT COUNT(*) FROM shop.a_cheap"), "9");
  EXPECT_EQ(other.value("CALL shop.quoted()"), "ab");
  EXPECT_EQ(other.value("SELECT default_collation_name FROM information_schema.schemata "
                        "WHERE schema_name = 'shop'"),
            "latin1_swedish_ci");
  if (!is_mysql()) {
    EXPECT_EQ(other.value("SELECT NEXT VALUE FOR shop.counter"), "10");
  }
  EXPECT_THAT(database->warnings(), IsEmpty());
  EXPECT_THAT(database->left_out(), IsEmpty());
  EXPECT_EQ(*find_object(copy.objects, "shop.items")->rows, 200U);
  EXPECT_EQ(*find_object(copy.objects, "shop.only_generated")->rows, 2U);
  EXPECT_THAT(names_of(copy.objects, "partition"),
              ElementsAre("shop.events_by_year.p2025", "shop.events_by_year.rest", "shop.sub.p0sp0",
                          "shop.sub.p0sp1", "shop.sub.p1sp0", "shop.sub.p1sp1"));
  EXPECT_THAT(names_of(copy.objects, "partitioned table"),
              ElementsAre("shop.events_by_year", "shop.sub"));
  EXPECT_THAT(names_of(copy.objects, "view"),
              ElementsAre("shop.z_items", "shop.b_all", "shop.a_cheap", "shop.of_nobody"));
  EXPECT_THAT(names_of(copy.objects, "trigger"), ElementsAre("shop.first_one", "shop.second"));
  EXPECT_THAT(names_of(copy.objects, "procedure"), ElementsAre("shop.note", "shop.quoted"));
  EXPECT_THAT(names_of(copy.objects, "event"), ElementsAre("shop.nightly"));
  EXPECT_THAT(copy.order[0], StartsWith("schema/"));
}

// The checksum is what docs/formats/manifest.md says, whatever the order and the parts.
TEST(MysqlDatabase, TellsRowsAndTheirChecksum) {
  const Server server;
  server.run(
      "CREATE DATABASE shop; CREATE TABLE shop.a(i int PRIMARY KEY, t text);"
      "INSERT INTO shop.a WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
      "WHERE i < 900) SELECT i, CONCAT('row\\t', i) FROM n;"
      "CREATE TABLE shop.b AS SELECT * FROM shop.a ORDER BY i DESC;"
      "CREATE TABLE shop.c AS SELECT * FROM shop.a WHERE i <> 500;"
      "CREATE TABLE shop.none(i int)");
  auto database = opened(server);
  const Copy copy = copy_of(*database);
  const Object* a = find_object(copy.objects, "shop.a");
  std::uint64_t sum = 0;
  for (int i = 1; i <= 900; ++i) {
    const std::string row = std::to_string(i) + "\trow\\t" + std::to_string(i) + "\n";
    sum += XXH3_64bits(row.data(), row.size());
  }
  EXPECT_EQ(*a->checksum, sum);
  EXPECT_EQ(*a->rows, 900U);
  EXPECT_EQ(find_object(copy.objects, "shop.b")->checksum, a->checksum);
  EXPECT_NE(find_object(copy.objects, "shop.c")->checksum, a->checksum);
  EXPECT_EQ(*find_object(copy.objects, "shop.none")->rows, 0U);
  EXPECT_EQ(*find_object(copy.objects, "shop.none")->checksum, 0U);
}

TEST(MysqlDatabase, ShowsNothingThatIsCommittedAfterTheOpening) {
  const Server server;
  server.run(
      "CREATE DATABASE shop; CREATE TABLE shop.names(i int PRIMARY KEY, name varchar(600));"
      "INSERT INTO shop.names WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
      "WHERE i < 900) SELECT a.i * 1000 + b.i, REPEAT(CONCAT('name ', b.i), 50) FROM n a, n b "
      "WHERE a.i <= 20");
  auto database = opened(server);
  std::string expected;
  for (int a = 1; a <= 20; ++a) {
    for (int b = 1; b <= 900; ++b) {
      expected += std::to_string(a * 1000 + b) + "\t";
      for (int i = 0; i < 50; ++i) expected += "name " + std::to_string(b);
      expected += "\n";
    }
  }
  int round = 0;
  const auto change = [&] {
    if (++round % 4 != 0) return;
    server.run(
        "UPDATE shop.names SET name = 'changed' WHERE i % 10 = 3;"
        "DELETE FROM shop.names WHERE i % 10 = 4;"
        "INSERT INTO shop.names SELECT MAX(i) + 1, 'new' FROM shop.names");
  };
  const Copy copy = copy_of(*database, change);
  EXPECT_GT(round, 8);
  EXPECT_TRUE(rows_of(copy, "shop.names") == expected);
  const Copy again = copy_of(*database);
  EXPECT_TRUE(again.parts == copy.parts);
  const std::string place = database->point({})->position;
  EXPECT_THAT(place, AllOf(HasSubstr(is_mysql() ? "binlog" : "0-1-"), HasSubstr(" at binlog.0")));
}

TEST(MysqlDatabase, CutsLargeTablesIntoParts) {
  const Server server;
  server.run(
      "CREATE DATABASE shop; CREATE TABLE shop.big(i int PRIMARY KEY, filler varchar(9000));"
      "INSERT INTO shop.big WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n "
      "WHERE i < 199) SELECT a.i * 200 + b.i, REPEAT('x', 7000) FROM n a, n b WHERE a.i < 100;"
      "ANALYZE TABLE shop.big");
  auto database = opened(server, {.readers = 2});
  const Copy copy = copy_of(*database);
  const Object* big = find_object(copy.objects, "shop.big");
  EXPECT_GE(big->parts.size(), 2U);
  EXPECT_LE(big->parts.size(), 16U);
  EXPECT_EQ(big->parts.at(1).path, "data/shop/big/0001");
  EXPECT_EQ(*big->rows, 20'000U);
  std::string expected;
  for (int i = 0; i < 20'000; ++i) {
    expected += std::to_string(i) + "\t" + std::string(7000, 'x') + "\n";
  }
  EXPECT_TRUE(rows_of(copy, "shop.big") == expected);
  database.reset();
  EXPECT_TRUE(copy_of(*opened(server, {.readers = 1})).parts == copy.parts);
}

TEST(MysqlDatabase, IsReadBySeveralThreadsAtOnce) {
  const Server server;
  std::string sql = "CREATE DATABASE shop";
  for (int i = 0; i < 20; ++i) {
    sql += fmt::format(
        "; CREATE TABLE shop.t{} AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT "
        "i + 1 FROM n WHERE i < {}) SELECT i FROM n",
        i, 40 * i + 1);
  }
  server.run(sql);
  auto database = opened(server, {.readers = 4});
  EXPECT_EQ(database->capabilities().readers, 4U);
  auto objects = database->objects().value();
  std::vector<std::jthread> threads;
  std::atomic<int> read = 0;
  for (const Object& object : objects) {
    for (const Part& part : object.parts) {
      threads.emplace_back([&] {
        database::testing::MemorySink sink;
        const auto receipt = database->read(part, sink, {});
        EXPECT_EQ(said(receipt), "ok");
        if (object.name.starts_with("shop.t")) {
          EXPECT_EQ(*receipt->rows, 40 * std::stoul(object.name.substr(6)) + 1) << object.name;
          ++read;
        }
      });
    }
  }
  threads.clear();
  EXPECT_EQ(read, 20);
}

TEST(MysqlDatabase, SaysWhatItIs) {
  const Server server;
  server.run("CREATE DATABASE shop; CREATE TABLE shop.t(i int)");
  auto database = source_at(server.url("shop"));
  EXPECT_EQ(database->kind(), "mysql");
  EXPECT_EQ(database->url(), server.url("shop"));
  ASSERT_EQ(said(database->prepare({})), "ok");
  EXPECT_TRUE(database->capabilities().snapshot);
  EXPECT_EQ(database->capabilities().write_mark, !is_mysql());
  EXPECT_TRUE(database->capabilities().hold_writes);
  EXPECT_FALSE(database->capabilities().writers_wait);
  ASSERT_EQ(said(database->open(base::Deadline(seconds(10)))), "ok");
  std::map<std::string, std::string> settings;
  for (const Setting& setting : database->settings()) settings[setting.name] = setting.value;
  EXPECT_EQ(settings["flavor"], is_mysql() ? "mysql" : "mariadb");
  EXPECT_EQ(settings["server_version"], server.session().version_text());
  EXPECT_EQ(settings["character_set_server"], "utf8mb4");
  EXPECT_EQ(settings["replica"], "off");
  EXPECT_EQ(settings["snapshot_way"], is_mysql() ? "read_lock" : "binlog_snapshot");
  EXPECT_EQ(settings.contains("snapshot_lock_us"), is_mysql());
}

TEST(MysqlDatabase, HasNoWriteMarkWithoutABinaryLog) {
  const Server server({.binary_log = false});
  server.run("CREATE DATABASE shop; CREATE TABLE shop.t(i int)");
  auto database = opened(server);
  EXPECT_FALSE(database->capabilities().write_mark);
  const auto why = [](const char* mariadb) { return is_mysql() ? "MySQL's log" : mariadb; };
  EXPECT_THAT(said(database->write_mark()), HasSubstr(why("there is no binary log")));
  EXPECT_GE(database->capabilities().readers, 2U);
  EXPECT_EQ(database->point({})->position, "");
  const Server filtered({.arguments = {"--binlog-ignore-db=shop"}});
  filtered.run("CREATE DATABASE shop; CREATE TABLE shop.t(i int)");
  auto second = opened(filtered);
  EXPECT_FALSE(second->capabilities().write_mark);
  EXPECT_THAT(said(second->write_mark()), HasSubstr(why("filtered")));
}

TEST(MysqlDatabase, TakesSeveralSchemasOrAllOfTheUsers) {
  const Server server;
  server.run(
      "CREATE DATABASE a; CREATE DATABASE b; CREATE DATABASE `c d`; CREATE TABLE a.t(i int);"
      "CREATE TABLE b.t(i int); CREATE TABLE `c d`.t(i int)");
  const auto names = [&](const std::string& url) {
    auto database = opened_at(url);
    return names_of(database->objects().value(), "table");
  };
  EXPECT_THAT(names(server.url("a")), ElementsAre("a.t"));
  EXPECT_THAT(names(server.url("a", "root", "", "?schemas=c%20d")), ElementsAre("a.t", "`c d`.t"));
  EXPECT_THAT(names(server.url()), ElementsAre("a.t", "b.t", "`c d`.t"));
  EXPECT_THAT(said(source_at(server.url("aa"))->prepare({})),
              AllOf(HasSubstr("not_found: list the schemas: there is no schema aa"),
                    HasSubstr("did you mean a?")));
}

TEST(MysqlDatabase, TakesWhatIsChosen) {
  const Server server;
  make_every_kind(server);
  auto database = opened(server, {.choice = {{"shop.o*", "shop.zero"}, {"shop.only*"}}});
  const auto objects = database->objects().value();
  EXPECT_THAT(names_of(objects, "table"), ElementsAre("shop.orders", "shop.zero"));
  EXPECT_THAT(names_of(objects, "trigger"), ElementsAre("shop.first_one", "shop.second"));
  EXPECT_THAT(names_of(objects, "procedure"), IsEmpty());
  EXPECT_THAT(database->warnings(),
              Contains(HasSubstr("the foreign key `of_item` of shop.orders")));
  EXPECT_THAT(said(source_at(server.url("shop"), {.choice = {{"shop.item"}, {}}})->prepare({})),
              AllOf(HasSubstr("not_found:"), HasSubstr("did you mean shop.items?")));
}

TEST(MysqlDatabase, WatchesOnlyRowsThatAreInTheBackup) {
  const Server server;
  make_every_kind(server);
  const auto watching = [&](const std::vector<std::string>& tables) {
    auto database = source_at(server.url("shop"), {.choice = {{"shop.orders"}, {}}});
    EXPECT_EQ(said(database->prepare({})), "ok");
    std::vector<Watch> watches;
    for (const std::string& table : tables) {
      watches.push_back({table, {}, [](auto) { return Result<void>(); }});
    }
    return said(database->watch(std::move(watches)));
  };
  EXPECT_EQ(watching({"shop.orders"}), "ok");
  EXPECT_THAT(watching({"shop.zero"}), HasSubstr("not_found"));
  EXPECT_THAT(watching({"shop.orders", "shop.orders"}), HasSubstr("watched twice"));
}

TEST(MysqlDatabase, NamesTheMissingRights) {
  const Server server;
  server.run(
      "CREATE DATABASE shop_1; CREATE TABLE shop_1.t(i int); CREATE USER b@'127.0.0.1';"
      "CREATE PROCEDURE shop_1.p() SELECT 1; GRANT SELECT ON shop_1.* TO b@'127.0.0.1'");
  const std::string proc = is_mysql() ? "GRANT SHOW_ROUTINE ON *.* TO 'b'@'127.0.0.1';"
                                      : "GRANT SELECT ON `mysql`.`proc` TO 'b'@'127.0.0.1';";
  const auto tried = [&] {
    auto database = source_at(server.url("shop_1", "b"));
    return said(database->prepare({}));
  };
  EXPECT_THAT(tried(), AllOf(HasSubstr("denied:"),
                             HasSubstr("lacks the right SHOW VIEW, TRIGGER, "
                                       "EVENT on shop_1"),
                             HasSubstr("GRANT SHOW VIEW, TRIGGER, EVENT ON `shop_1`.* TO "
                                       "'b'@'127.0.0.1';"),
                             HasSubstr(proc)));
  // What it says is enough.
  server.run("GRANT SHOW VIEW, TRIGGER, EVENT ON `shop_1`.* TO 'b'@'127.0.0.1';" + proc);
  EXPECT_EQ(tried(), "ok");
  auto database = opened_at(server.url("shop_1", "b"));
  EXPECT_EQ(database->capabilities().readers, 1U);
  EXPECT_FALSE(database->capabilities().write_mark);
  const std::string right = is_mysql() ? "RELOAD" : "BINLOG MONITOR";
  EXPECT_THAT(database->warnings(), ElementsAre(AllOf(HasSubstr("one session reads everything"),
                                                      HasSubstr("GRANT " + right + " ON *.*"))));
  EXPECT_THAT(copy_of(*database).parts.at("schema/routines.sql"), HasSubstr("SELECT 1"));
  server.run("GRANT " + right + " ON *.* TO 'b'@'127.0.0.1'");
  auto second = opened_at(server.url("shop_1", "b"));
  EXPECT_GE(second->capabilities().readers, 2U);
  EXPECT_EQ(second->capabilities().write_mark, !is_mysql());
  EXPECT_THAT(second->warnings(), IsEmpty());
}

TEST(MysqlDatabase, RefusesTablesWithoutTransactionsByName) {
  const Server server;
  server.run(
      "CREATE DATABASE shop; CREATE TABLE shop.log(i int) ENGINE=MyISAM;"
      "INSERT INTO shop.log VALUES (1), (2); CREATE TABLE shop.t(i int PRIMARY KEY);"
      "INSERT INTO shop.t VALUES (1); CREATE TABLE shop.fast(i int) ENGINE=MEMORY;"
      "INSERT INTO shop.fast VALUES (9)");
  EXPECT_THAT(said(source_at(server.url("shop"))->prepare({})),
              AllOf(HasSubstr("unsupported:"), HasSubstr("shop.fast (MEMORY), shop.log (MyISAM)"),
                    HasSubstr("lock_nontransactional=1")));
  EXPECT_EQ(said(source_at(server.url("shop"), {.choice = {{"shop.t"}, {}}})->prepare({})), "ok");

  auto database = source_at(server.url("shop", "root", "", "?lock_nontransactional=1"));
  ASSERT_EQ(said(database->prepare({})), "ok");
  EXPECT_THAT(database->warnings(),
              ElementsAre(HasSubstr("shop.fast (MEMORY), shop.log (MyISAM)")));
  server.run("INSERT INTO shop.log VALUES (3)");  // not yet
  ASSERT_EQ(said(database->open(base::Deadline(seconds(10)))), "ok");
  std::atomic<bool> written = false;
  std::jthread writer([&] {
    server.run("INSERT INTO shop.log VALUES (4)");
    written = true;
  });
  server.run("INSERT INTO shop.t VALUES (2)");
  auto objects = database->objects().value();
  ASSERT_THAT(names_of(objects, "table"), ElementsAre("shop.fast", "shop.log", "shop.t"));
  std::map<std::string, std::string> rows;
  for (const Object& object : objects) {
    if (object.kind != "table") continue;
    EXPECT_TRUE(object.name == "shop.t" || !written);
    for (const Part& part : object.parts) {
      rows[object.name] += database::testing::read_part(*database, part);
    }
    if (object.name == "shop.log") writer.join();  // let go before the rest is read
  }
  EXPECT_EQ(rows["shop.log"], "1\n2\n3\n");
  EXPECT_EQ(rows["shop.fast"], "9\n");
  EXPECT_EQ(rows["shop.t"], "1\n");
  EXPECT_THAT(database->warnings(), Contains(HasSubstr("had to wait for")));

  database.reset();
  Connection other = server.session();
  ASSERT_EQ(said(other.execute("LOCK TABLES shop.log WRITE")), "ok");
  auto late = source_at(server.url("shop", "root", "", "?lock_nontransactional=1"),
                        {.lock_wait = milliseconds(300)});
  EXPECT_THAT(said(late->prepare({})), HasSubstr("busy:"));
}

TEST(MysqlDatabase, KeepsTablesFromBeingAlteredUntilTheEnd) {
  const Server server;
  server.run(
      "CREATE DATABASE shop; CREATE TABLE shop.t(i int PRIMARY KEY);"
      "INSERT INTO shop.t VALUES (1); CREATE TABLE shop.u(i int)");
  const auto alters = [&](const std::string& sql) {
    Connection session = server.session();
    EXPECT_EQ(said(session.execute("SET SESSION lock_wait_timeout = 1")), "ok");
    return session.execute(sql).has_value();
  };
  auto database = source_at(server.url("shop"));
  ASSERT_EQ(said(database->prepare({})), "ok");
  EXPECT_FALSE(alters("ALTER TABLE shop.t ADD x int"));
  ASSERT_EQ(said(database->open(base::Deadline(seconds(10)))), "ok");
  EXPECT_FALSE(alters("DROP TABLE shop.u"));
  EXPECT_FALSE(alters("TRUNCATE TABLE shop.t"));
  copy_of(*database);
  EXPECT_FALSE(alters("RENAME TABLE shop.t TO shop.v"));
  database.reset();
  EXPECT_TRUE(alters("ALTER TABLE shop.t ADD x int"));
  EXPECT_TRUE(alters("DROP TABLE shop.u"));
}

// Other readers would queue behind whoever waits to alter it, and who waits for us.
TEST(MysqlDatabase, ReadsATableThatSomebodyWaitsToAlter) {
  const Server server;
  server.run(
      "CREATE DATABASE shop; CREATE TABLE shop.t(i int PRIMARY KEY);"
      "INSERT INTO shop.t VALUES (1), (2)");
  auto database = opened(server, {.readers = 3});
  auto objects = database->objects().value();
  std::jthread other([&] { server.run("ALTER TABLE shop.t ADD x int DEFAULT 7"); });
  while (server.value("SELECT COUNT(*) FROM information_schema.processlist WHERE state LIKE "
                      "'Waiting for table metadata lock'") == "0") {
  }
  const Object* table = find_object(objects, "shop.t");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(database::testing::read_part(*database, table->parts.at(0)), "1\n2\n");
  }
  database.reset();
  other.join();
  EXPECT_EQ(server.value("SELECT SUM(x) FROM shop.t"), "14");
}

TEST(MysqlDatabase, NoticesWhatIsMadeOrChangedWhileItOpens) {
  const Server server;
  server.run(
      "CREATE DATABASE shop; CREATE TABLE shop.t(i int); CREATE VIEW shop.v AS SELECT i FROM "
      "shop.t; CREATE PROCEDURE shop.p() SELECT 1; CREATE PROCEDURE shop.gone() SELECT 1");
  auto database = source_at(server.url("shop"));
  ASSERT_EQ(said(database->prepare({})), "ok");
  server.run(
      "CREATE TABLE shop.early(i int); INSERT INTO shop.early VALUES (1);"
      "CREATE OR REPLACE VIEW shop.v AS SELECT i + 1 AS i FROM shop.t;"
      "DROP PROCEDURE shop.gone; CREATE PROCEDURE shop.q() SELECT 2");
  ASSERT_EQ(said(database->open(base::Deadline(seconds(10)))), "ok");
  server.run("CREATE TABLE shop.late(i int); INSERT INTO shop.late VALUES (1)");
  const Copy copy = copy_of(*database);
  EXPECT_EQ(rows_of(copy, "shop.early"), "1\n");
  EXPECT_THAT(names_of(copy.objects, "table"), ElementsAre("shop.early", "shop.t"));
  EXPECT_THAT(database->left_out(), ElementsAre(HasSubstr("shop.late (made or altered")));
  EXPECT_THAT(database->warnings(),
              ElementsAre(HasSubstr("the procedure shop.q was made or changed"),
                          HasSubstr("the view shop.v was made or changed"),
                          HasSubstr("the procedure shop.gone was dropped")));
  EXPECT_THAT(copy.parts.at("schema/views.sql"), HasSubstr("+ 1"));
}

TEST(MysqlDatabase, SaysWhatItDoesNotCarry) {
  const Server server;
  server.run(
      "CREATE DATABASE shop; CREATE TABLE shop.hole(i int) ENGINE=MRG_MYISAM;"
      "CREATE TABLE shop.t(i int); CREATE VIEW shop.v AS SELECT i FROM shop.t;"
      "CREATE TABLE shop.e(e enum('a', '💰') DEFAULT '💰')");
  if (!is_mysql()) {
    server.run(
        "CREATE TABLE shop.past(i int PRIMARY KEY, x int) WITH SYSTEM VERSIONING;"
        "INSERT INTO shop.past VALUES (1, 1), (2, 2); UPDATE shop.past SET x = 3 WHERE i = 1");
  }
  server.run("DROP TABLE shop.t");
  auto database = opened(server);
  const Copy copy = copy_of(*database);
  if (!is_mysql()) {
    EXPECT_THAT(database->left_out(), ElementsAre(HasSubstr("rows of shop.hole (MRG_My"),
                                                  HasSubstr("the history of shop.past")));
    EXPECT_EQ(rows_of(copy, "shop.past"), "1\t3\n2\t2\n");
    EXPECT_THAT(database->warnings(), Contains(HasSubstr("the definition of shop.e has a ?")));
  }
  EXPECT_THAT(database->warnings(), Contains(HasSubstr("the view shop.v cannot be read now")));
  EXPECT_THAT(copy.parts.at("schema/views.sql"), HasSubstr("\n-- CREATE "));
}

TEST(MysqlDatabase, AStopRequestLeavesNothingLocked) {
  const Server server;
  server.run(
      "CREATE DATABASE shop; CREATE TABLE shop.t(i int PRIMARY KEY, x text);"
      "INSERT INTO shop.t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE "
      "i < 900) SELECT i, REPEAT('x', 30000) FROM n; CREATE TABLE shop.m(i int) ENGINE=MyISAM");
  const std::string url = server.url("shop", "root", "", "?lock_nontransactional=1");
  {
    auto database = opened_at(url);
    auto objects = database->objects().value();
    std::stop_source stop;
    database::testing::MemorySink sink;
    sink.during = [&] { stop.request_stop(); };
    const Part& part = find_object(objects, "shop.t")->parts.at(0);
    EXPECT_EQ(said(database->read(part, sink, stop.get_token())).substr(0, 10), "cancelled:");
    EXPECT_EQ(database->count(objects, stop.get_token()).error().code, Errc::cancelled);
    // The session is as good as before.
    std::string expected;
    for (int i = 1; i <= 900; ++i) {
      expected += std::to_string(i) + "\t" + std::string(30'000, 'x') + "\n";
    }
    EXPECT_TRUE(database::testing::read_part(*database, part) == expected);
  }
  {
    std::stop_source stop;
    stop.request_stop();
    EXPECT_EQ(said(source_at(url)->prepare(stop.get_token())).substr(0, 10), "cancelled:");
  }
  server.run("SET SESSION lock_wait_timeout = 1; DROP TABLE shop.t; INSERT INTO shop.m VALUES (1)");
  EXPECT_EQ(server.value("SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'root' "
                         "AND id <> CONNECTION_ID() AND command = 'Query'"),
            "0");
}

TEST(MysqlDatabase, CarriesAccountsOnlyOnRequest) {
  const Server server;
  server.run(
      "CREATE DATABASE shop; CREATE TABLE shop.t(i int); CREATE USER app@'%' IDENTIFIED BY "
      "'secret'; GRANT SELECT ON shop.* TO app@'%'; CREATE ROLE readers; GRANT readers TO "
      "app@'%'");
  EXPECT_FALSE(copy_of(*opened(server)).parts.contains("schema/users.sql"));
  const Copy copy = copy_of(*opened_at(server.url("shop", "root", "", "?users=1")));
  EXPECT_THAT(copy.parts.at("schema/users.sql"),
              AllOf(HasSubstr("app"), HasSubstr("GRANT SELECT ON `shop`.*"), HasSubstr("readers"),
                    Not(HasSubstr("secret"))));
}

}  // namespace
}  // namespace stillpoint::database::mysql

// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/target/mysql_target.h"

#include <atomic>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "database/mysql/target/leftovers.h"
#include "database/mysql/target/schema_switchover.h"
#include "database/mysql/testing_every_kind.h"
#include "database/mysql/testing_source.h"

namespace stillpoint::database::mysql {
namespace {

using namespace testing;
using database::testing::Child;
using database::testing::restore;
using database::testing::stage_all;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

std::unique_ptr<Target> target_at(const std::string& url, const RestoreOptions& options = {}) {
  auto target = open_target({url, {}, {}}, options);
  EXPECT_EQ(said(target), "ok");
  return std::move(*target);
}

Copy back_up(const Server& server, const std::string& schema = "shop") {
  return copy_of(*opened_at(server.url(schema)));
}

// A switch makes a trigger's table anew in its statement: in backquotes, whatever its author wrote.
std::string without_quotes(std::string text) {
  std::erase(text, '`');
  return text;
}

std::string differs(const std::string& a, const std::string& b) {
  return difference(without_quotes(a), without_quotes(b));
}

std::vector<Leftover> left_at(const Server& server, const std::string& schema = "shop") {
  auto found = leftovers(server.address(schema));
  EXPECT_EQ(said(found), "ok");
  return found ? std::move(*found) : std::vector<Leftover>();
}

std::string schemas(const Server& server) {
  return server.value(
      "SELECT GROUP_CONCAT(schema_name ORDER BY 1) FROM information_schema.schemata"
      " WHERE schema_name NOT IN ('mysql', 'sys', 'information_schema',"
      " 'performance_schema')");
}

TEST(MysqlTarget, RestoresEveryKindOfObjectAndKeepsTheOld) {
  const Server server;
  make_every_kind(server);
  const std::string before = dump(server, "shop");
  const Copy copy = back_up(server);
  server.run(
      "DELETE FROM shop.items; DROP VIEW shop.a_cheap; DROP TRIGGER shop.second;"
      "CREATE TABLE shop.added (a int); DROP EVENT shop.nightly");
  const std::string old = dump(server, "shop");
  RestoreOptions options;
  options.read_back = true;
  const auto target = target_at(server.url("shop"), options);
  const auto kept = restore(*target, copy);
  ASSERT_EQ(said(kept), "ok");
  EXPECT_EQ(differs(dump(server, "shop"), before), "");
  EXPECT_THAT(*kept, StartsWith("shop_before_"));
  EXPECT_EQ(differs(dump(server, *kept), old), "");
  EXPECT_EQ(schemas(server), "shop," + *kept);
  // What came of it works.
  server.run("INSERT INTO shop.orders(item) VALUES (7)");
  EXPECT_EQ(server.value("SELECT GROUP_CONCAT(what ORDER BY id) FROM shop.noted"),
            "first,second; ä💰");
  EXPECT_EQ(server.value("SELECT COUNT(*) FROM shop.a_cheap"), "9");
  if (!is_mysql()) {
    server.run("INSERT INTO shop.counted() VALUES ()");
    EXPECT_EQ(server.value("SELECT MAX(id) FROM shop.counted"), "10");
  }
  const std::vector<Leftover> left = left_at(server);
  ASSERT_THAT(left, SizeIs(1));
  EXPECT_EQ(left[0].what, Leftover::What::kept);
  EXPECT_EQ(said(remove_leftover(server.address("shop"), left[0])), "ok");
  EXPECT_EQ(schemas(server), "shop");
}

TEST(MysqlTarget, RestoresUnderAnotherName) {
  const Server server;
  make_every_kind(server);
  const Copy copy = back_up(server);
  const std::string before = dump(server, "shop");
  const auto target = target_at(server.url("other"));
  EXPECT_FALSE(target->inspect()->exists);
  ASSERT_EQ(said(target->prepare(copy.content(), {})), "ok");
  const auto again = target_at(server.url("other"), {.no_owner = true});
  const auto kept = restore(*again, copy);
  ASSERT_EQ(said(kept), "ok");
  EXPECT_EQ(*kept, "");
  EXPECT_EQ(differs(dump(server, "shop"), before), "");
  server.run("INSERT INTO other.orders(item) VALUES (7)");
  EXPECT_EQ(server.value("SELECT COUNT(*) FROM other.noted"), "2");
  EXPECT_EQ(server.value("SELECT COUNT(*) FROM other.b_all"), "200");
  EXPECT_EQ(server.value("SELECT COUNT(*) FROM shop.noted"), "0");
  // Its foreign key is its own.
  server.run("DELETE FROM other.items WHERE id = 7");
  EXPECT_EQ(server.value("SELECT COUNT(*) FROM other.orders WHERE item = 7"), "0");
  EXPECT_EQ(server.value("SELECT COUNT(*) FROM shop.orders WHERE item = 7"), "1");
}

TEST(MysqlTarget, RefusesWhatTheServerLacks) {
  const Server server;
  make_every_kind(server);
  const Copy copy = back_up(server);
  const Server other({.arguments = {"--local-infile=0"}});
  EXPECT_THAT(said(stage_all(*target_at(other.url("shop")), copy)),
              AllOf(StartsWith("denied"), HasSubstr("SET GLOBAL local_infile = 1")));
  other.run("SET GLOBAL local_infile = 1; SET GLOBAL read_only = 1");
  EXPECT_THAT(said(stage_all(*target_at(other.url("shop")), copy)),
              AllOf(StartsWith("denied"), HasSubstr("read_only")));
  other.run("SET GLOBAL read_only = 0");
  EXPECT_THAT(said(stage_all(*target_at(other.url("shop")), copy)),
              AllOf(StartsWith("not_found"), HasSubstr("'gone'@'nowhere' (view shop.of_nobody)"),
                    HasSubstr("--no-owner")));
  EXPECT_EQ(schemas(other), "");
  EXPECT_THAT(said(stage_all(*target_at(other.url("a") + "?schemas=b"), copy)),
              AllOf(StartsWith("invalid"), HasSubstr("shop")));
}

// Semi-synchronous replication without a replica: a commit returns in an hour.
TEST(MysqlTarget, ACommitThatHangsEndsTheRestoreInTime) {
  const Server server;
  const std::string setting =
      std::string("SET GLOBAL rpl_semi_sync_") + (is_mysql() ? "source" : "master");
  if (is_mysql()) server.run("INSTALL PLUGIN rpl_semi_sync_source SONAME 'semisync_source.so'");
  server.run(setting + "_timeout = 3600000");
  server.run("CREATE DATABASE shop; CREATE TABLE shop.t (id int PRIMARY KEY)");
  server.run("INSERT INTO shop.t VALUES (1)");
  const Copy copy = back_up(server);
  server.run("DELETE FROM shop.t");
  const auto target = target_at(server.url("shop"));
  ASSERT_EQ(said(stage_all(*target, copy)), "ok");
  server.run(setting + "_enabled = 1");
  const auto began = std::chrono::steady_clock::now();
  const std::string said_then = said(target->fence());
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(30));
  server.run(setting + "_enabled = 0");
  EXPECT_THAT(said_then, AllOf(StartsWith("busy"), HasSubstr("wait for a semi-synchronous replica"),
                               HasSubstr("0 are connected")));
  if (is_mysql()) return;  // the wait cannot be ended there, and the session with it is lost
  // Nobody is kept from writing to the old, and it can be tried again.
  server.run("INSERT INTO shop.t VALUES (2)");
  ASSERT_EQ(said(target->fence()), "ok");
  ASSERT_EQ(said(target->swap()), "ok");
  EXPECT_EQ(server.value("SELECT GROUP_CONCAT(id) FROM shop.t"), "1");
}

TEST(MysqlTarget, RefusesReferencesFromElsewhere) {
  const Server server;
  server.run(
      "CREATE DATABASE shop; CREATE TABLE shop.p(id int PRIMARY KEY); CREATE DATABASE o;"
      "CREATE TABLE o.c(id int, CONSTRAINT k FOREIGN KEY (id) REFERENCES shop.p(id))");
  const Copy copy = back_up(server);
  EXPECT_THAT(said(stage_all(*target_at(server.url("shop")), copy)),
              AllOf(HasSubstr("o.c (k)"), HasSubstr("DROP FOREIGN KEY `k`")));
  // Together they are no problem.
  server.run("INSERT INTO shop.p VALUES (1); INSERT INTO o.c VALUES (1)");
  const std::string both = server.url() + "/?schemas=o,shop";
  const Copy together = copy_of(*opened_at(both));
  server.run("DELETE FROM o.c");
  const auto kept = restore(*target_at(both), together);
  ASSERT_EQ(said(kept), "ok");
  EXPECT_THAT(*kept, AllOf(HasSubstr("shop_before_"), HasSubstr("o_before_")));
  EXPECT_EQ(server.value("SELECT COUNT(*) FROM o.c"), "1");
  EXPECT_EQ(server.value("SELECT referenced_table_schema FROM information_schema.key_column_usage"
                         " WHERE table_schema = 'o' AND referenced_table_name = 'p'"),
            "shop");
}

TEST(MysqlTarget, NamesRowsThatAreNotAsTheyWere) {
  const Server server;
  server.run(
      "CREATE DATABASE shop; CREATE TABLE shop.t(id int PRIMARY KEY, v varchar(5));"
      "INSERT INTO shop.t VALUES (1, 'a'), (2, 'b')");
  const Copy copy = back_up(server);
  const auto with = [&](const std::string& rows) {
    Copy changed = copy;
    changed.parts["data/shop/t/0000"] = rows;
    const auto target = target_at(server.url("shop"));
    const auto staged = stage_all(*target, changed);
    return staged ? said(target->verify({})) : said(staged);
  };
  EXPECT_EQ(with("1\ta\n2\tb\n"), "ok");
  EXPECT_THAT(with("1\ta\n2\tc\n"), AllOf(StartsWith("corrupt"), HasSubstr("shop.t differ")));
  EXPECT_THAT(with("1\ta\n"), AllOf(StartsWith("corrupt"), HasSubstr("1 rows")));
  // These the server takes, but not as they are.
  EXPECT_THAT(with("1\ta\n2\ttoo long\n"), AllOf(StartsWith("corrupt"), HasSubstr("shop")));
  EXPECT_THAT(with("1\ta\n1\tb\n"), StartsWith("corrupt"));
  EXPECT_THAT(with("1\ta\n2\tb"), StartsWith("corrupt"));
  EXPECT_EQ(schemas(server), "shop");
}

// Kills the restore of `copy` after so many parts of rows.
void kill_after(const Server& server, const Copy& copy, std::size_t parts) {
  Child restorer([&] {
    const auto target = target_at(server.url("shop"));
    if (!target->prepare(copy.content(), {})) ::_exit(1);
    std::size_t done = 0;
    for (const bool schema : {true, false}) {
      for (const std::string& path : copy.order) {
        if (path.starts_with("schema/") != schema) continue;
        if (!schema && done++ == parts) ::kill(::getpid(), SIGKILL);
        if (!database::testing::stage_part(*target, copy, path)) ::_exit(1);
      }
    }
    ::_exit(1);
  });
  EXPECT_TRUE(WIFSIGNALED(restorer.wait()));
}

TEST(MysqlTarget, GoesOnWithWhatWasStaged) {
  const Server server;
  server.run(
      "CREATE DATABASE shop; CREATE TABLE shop.a(id int PRIMARY KEY);"
      "INSERT INTO shop.a VALUES (1), (2); CREATE TABLE shop.b LIKE shop.a;"
      "INSERT INTO shop.b SELECT * FROM shop.a; CREATE TABLE shop.c LIKE shop.a;"
      "CREATE TABLE shop.m(id int) ENGINE=MyISAM; INSERT INTO shop.m VALUES (7)");
  const Copy copy = copy_of(*opened_at(server.url("shop") + "?lock_nontransactional=1"));
  server.run("DELETE FROM shop.a");
  kill_after(server, copy, 3);
  RestoreOptions options;
  options.resume = true;
  const auto target = target_at(server.url("shop"), options);
  ASSERT_EQ(said(target->prepare(copy.content(), {})), "ok");
  std::size_t wanted = 0;
  for (const std::string& path : copy.order) {
    if (path.starts_with("data/") && target->wants(path)) ++wanted;
  }
  EXPECT_EQ(wanted, 1U);
  EXPECT_EQ(said(target->discard()), "ok");
  EXPECT_EQ(schemas(server), "shop");
  kill_after(server, copy, 2);
  ASSERT_EQ(said(restore(*target_at(server.url("shop"), options), copy)), "ok");
  EXPECT_EQ(server.value("SELECT COUNT(*) FROM shop.a"), "2");
  EXPECT_EQ(server.value("SELECT COUNT(*) FROM shop.m"), "1");
}

TEST(MysqlTarget, RestoresInPlaceIntoAnEmptySchema) {
  const Server server;
  make_every_kind(server);
  const std::string before = dump(server, "shop");
  const Copy copy = back_up(server);
  RestoreOptions options;
  options.in_place = true;
  EXPECT_THAT(said(target_at(server.url("shop"), options)->prepare(copy.content(), {})),
              AllOf(StartsWith("already_exists"), HasSubstr("not empty")));
  server.run("DROP DATABASE shop");
  EXPECT_THAT(said(target_at(server.url("shop"), options)->prepare(copy.content(), {})),
              StartsWith("not_found"));
  server.run("CREATE DATABASE shop");
  options.no_owner = true;
  {
    const auto target = target_at(server.url("shop"), options);
    ASSERT_EQ(said(stage_all(*target, copy)), "ok");
    EXPECT_THAT(left_at(server), SizeIs(1));
  }
  EXPECT_EQ(server.value("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema ="
                         " 'shop'"),
            "0");
  const auto kept = restore(*target_at(server.url("shop"), options), copy);
  ASSERT_EQ(said(kept), "ok");
  EXPECT_EQ(*kept, "");
  EXPECT_THAT(left_at(server), IsEmpty());
  server.run("INSERT INTO shop.orders(item) VALUES (7)");
  EXPECT_EQ(server.value("SELECT COUNT(*) FROM shop.noted"), "2");
  EXPECT_EQ(server.value("SELECT COUNT(*) FROM shop.b_all"), "200");
}

TEST(MysqlTarget, AddsSingleTablesAndPartitions) {
  const Server server;
  make_every_kind(server);
  const Copy copy = back_up(server);
  const std::string before = dump(server, "shop");
  const auto add = [&](const std::string& table, const std::string& as) {
    RestoreOptions options;
    options.tables = {{table, as}};
    return said(restore(*target_at(server.url("shop"), options), copy));
  };
  EXPECT_THAT(add("shop.items", ""),
              AllOf(StartsWith("already_exists"), HasSubstr("--table shop.items=shop.items_")));
  EXPECT_THAT(add("shop.itms", ""), AllOf(StartsWith("not_found"), HasSubstr("shop.items?")));
  EXPECT_THAT(add("shop.items", "nowhere.items"), StartsWith("not_found"));
  EXPECT_EQ(differs(dump(server, "shop"), before), "");
  EXPECT_EQ(add("shop.items", "shop.items2"), "ok");
  EXPECT_EQ(server.value("SELECT COUNT(*) FROM shop.items JOIN shop.items2"
                         " USING (id, name, amount, doubled, halved)"),
            "200");
  EXPECT_EQ(add("shop.orders", "shop.orders2"), "ok");
  EXPECT_EQ(add("shop.events_by_year.p2025", "shop.spring"), "ok");
  EXPECT_EQ(server.value("SELECT what FROM shop.spring"), "spring");
  EXPECT_EQ(add("shop.events_by_year", "shop.all_years"), "ok");
  EXPECT_EQ(server.value("SELECT COUNT(*) FROM shop.all_years PARTITION (rest)"), "1");
  EXPECT_THAT(add("shop.events_by_year.p2025", ""),
              AllOf(StartsWith("already_exists"), HasSubstr("has rows")));
  server.run(
      "ALTER TABLE shop.events_by_year TRUNCATE PARTITION p2025;"
      "INSERT INTO shop.events_by_year VALUES ('2031-01-02', 'new')");
  EXPECT_EQ(add("shop.events_by_year.p2025", ""), "ok");
  EXPECT_EQ(server.value("SELECT GROUP_CONCAT(what ORDER BY at) FROM shop.events_by_year"),
            "party,spring,later,new");
  EXPECT_THAT(left_at(server), IsEmpty());
}

// As far as a restore knows, the other kind of server is one that lacks something.
TEST(MysqlTarget, NamesATableThatTheServerCannotMake) {
  const Server server;
  server.run(
      "CREATE DATABASE shop; CREATE TABLE shop.a(id int PRIMARY KEY);"
      "CREATE TABLE shop.b(t varchar(9) COLLATE utf8mb4_bin)");
  Copy copy = back_up(server);
  std::string& tables = copy.parts["schema/tables.json"];
  for (auto at = tables.find("utf8mb4_bin"); at != std::string::npos;
       at = tables.find("utf8mb4_b")) {
    tables.replace(at, 11, "utf8mb4_strange_ai_ci");
  }
  EXPECT_THAT(said(stage_all(*target_at(server.url("shop")), copy)),
              AllOf(StartsWith("unsupported"), HasSubstr("make the table shop.b"),
                    HasSubstr("utf8mb4_strange_ai_ci"), HasSubstr("another kind")));
  EXPECT_EQ(schemas(server), "shop");
}

// What a definition is in the way of is known before the switch.
TEST(MysqlTarget, RehearsesDefinitionsBeforeTheSwitch) {
  const Server server;
  server.run(
      "CREATE DATABASE shop; CREATE TABLE shop.a(id int PRIMARY KEY);"
      "CREATE PROCEDURE shop.p() SELECT 1");
  Copy copy = back_up(server);
  std::string& definitions = copy.parts["schema/definitions.json"];
  const auto at = definitions.find("SELECT 1");
  ASSERT_NE(at, std::string::npos);
  definitions.replace(at, 8, "SELEKT 1");
  const std::string before = dump(server, "shop");
  EXPECT_THAT(said(stage_all(*target_at(server.url("shop")), copy)),
              HasSubstr("make the procedure shop.p"));
  EXPECT_EQ(dump(server, "shop"), before);
  EXPECT_EQ(schemas(server), "shop");
}

TEST(MysqlTarget, RefusesToReplaceWhatItCouldNotPutBack) {
  const Server server;
  server.run(
      "SET GLOBAL log_bin_trust_function_creators = 1; CREATE DATABASE shop;"
      "CREATE TABLE shop.a(id int PRIMARY KEY); CREATE VIEW shop.v AS SELECT * FROM shop.a;"
      "CREATE USER clerk@'127.0.0.1'; GRANT ALL ON `shop%`.* TO clerk@'127.0.0.1'");
  const Copy copy = back_up(server);
  const RestoreOptions options{.no_owner = true};
  const std::string url = server.url("shop", "clerk");
  EXPECT_THAT(said(stage_all(*target_at(url, options), copy)),
              AllOf(StartsWith("denied"), HasSubstr("the old view shop.v"), HasSubstr("--to")));
  EXPECT_EQ(schemas(server), "shop");
  EXPECT_THAT(said(stage_all(*target_at(server.url("shop2", "clerk")), copy)),
              AllOf(StartsWith("denied"), HasSubstr("the view shop.v is defined by 'root'@"),
                    HasSubstr("--no-owner")));
  EXPECT_EQ(schemas(server), "shop");
  EXPECT_EQ(said(restore(*target_at(server.url("shop2", "clerk"), options), copy)), "ok");
  server.run(std::string("GRANT ") + (is_mysql() ? "SET_ANY_DEFINER, SYSTEM_USER" : "SUPER") +
             " ON *.* TO clerk@'127.0.0.1'");
  EXPECT_EQ(said(restore(*target_at(url), copy)).substr(0, 2), "ok");
}

TEST(MysqlTarget, AsksForWhatDefinersOfMoreRightsTake) {
  if (!is_mysql()) GTEST_SKIP() << "MariaDB has no SYSTEM_USER";
  const Server server;
  server.run(
      "CREATE DATABASE shop; CREATE TABLE shop.a(id int PRIMARY KEY); INSERT INTO shop.a VALUES "
      "(1);"
      "CREATE USER boss@'127.0.0.1', clerk@'127.0.0.1'; GRANT SYSTEM_USER, SELECT ON *.* TO"
      " boss@'127.0.0.1'; GRANT ALL ON `shop%`.* TO clerk@'127.0.0.1';"
      "GRANT SET_ANY_DEFINER, SHOW_ROUTINE ON *.* TO clerk@'127.0.0.1'");
  const Copy plain = back_up(server);
  server.run("CREATE DEFINER = boss@'127.0.0.1' VIEW shop.v AS SELECT * FROM shop.a");
  const Copy copy = back_up(server);
  const auto restored = [&](const std::string& schema, const Copy& what, bool no_owner) {
    const auto target = target_at(server.url(schema, "clerk"), {.no_owner = no_owner});
    return said(restore(*target, what));
  };
  const auto denied = AllOf(StartsWith("denied"), HasSubstr("SYSTEM_USER"));
  EXPECT_THAT(restored("shop", plain, true),
              AllOf(denied, HasSubstr("the old view shop.v is defined by 'boss'@'127.0.0.1'"),
                    HasSubstr("--to")));
  EXPECT_THAT(restored("shop2", copy, false),
              AllOf(denied, HasSubstr("the view shop.v is defined by 'boss'@'127.0.0.1'"),
                    HasSubstr("--no-owner")));
  EXPECT_EQ(schemas(server), "shop");
  EXPECT_EQ(restored("shop2", copy, true), "ok");
  server.run("GRANT SYSTEM_USER ON *.* TO clerk@'127.0.0.1'");
  EXPECT_EQ(restored("shop", copy, false), "ok");
  // What has come since then is looked at before the switch.
  server.run("DROP VIEW shop.v; REVOKE SYSTEM_USER ON *.* FROM clerk@'127.0.0.1'");
  for (const bool steps : {false, true}) {
    const auto target = target_at(server.url("shop", "clerk"), {.no_owner = true});
    ASSERT_EQ(said(stage_all(*target, plain)), "ok");
    ASSERT_EQ(said(target->verify({})), "ok");
    const std::string ticket = steps ? target->hand_over().value() : "";
    server.run("CREATE OR REPLACE DEFINER = boss@'127.0.0.1' VIEW shop.v AS SELECT 1");
    const auto one = [&] {
      return open_switchover(server.address("shop", "clerk"), ticket).value();
    };
    EXPECT_THAT(steps ? said(one()->close(false)) : said(target->fence()),
                AllOf(denied, HasSubstr("the old view shop.v")));
    EXPECT_EQ(server.value("SELECT id FROM shop.a"), "1");
    server.run("DROP VIEW shop.v");
    if (!steps) continue;
    EXPECT_EQ(said(one()->swap_back()), "ok");
    EXPECT_EQ(said(one()->open()), "ok");
    EXPECT_EQ(said(one()->discard()), "ok");
  }
  server.run("CREATE DEFINER = boss@'127.0.0.1' VIEW shop.v AS SELECT * FROM shop.a");
  // An account that is gone takes another right.
  server.run("DROP DATABASE shop2; DROP USER boss@'127.0.0.1'");
  EXPECT_THAT(restored("shop", plain, true),
              AllOf(StartsWith("denied"), HasSubstr("the old view shop.v"),
                    HasSubstr("ALLOW_NONEXISTENT_DEFINER")));
}

// With GTIDs, MySQL does not let one statement write to both kinds of tables.
TEST(MysqlTarget, ReplacesTablesWithAndWithoutTransactionsTogether) {
  if (!is_mysql()) GTEST_SKIP() << "MariaDB's GTIDs forbid nothing";
  const Server server({.arguments = {"--gtid-mode=ON", "--enforce-gtid-consistency=ON",
                                     "--log-bin-trust-function-creators=1"}});
  server.run(
      "CREATE DATABASE shop; CREATE TABLE shop.a(id int PRIMARY KEY); INSERT INTO shop.a VALUES "
      "(1);"
      "CREATE TABLE shop.m(id int) ENGINE=MyISAM; INSERT INTO shop.m VALUES (7);"
      "CREATE USER clerk@'127.0.0.1'; GRANT ALL ON `shop%`.* TO clerk@'127.0.0.1';"
      "CREATE DEFINER = clerk@'127.0.0.1' TRIGGER shop.both BEFORE INSERT ON shop.a FOR EACH ROW"
      " INSERT INTO shop.m VALUES (NEW.id); GRANT SHOW_ROUTINE ON *.* TO clerk@'127.0.0.1'");
  const Copy copy = copy_of(*opened_at(server.url("shop") + "?lock_nontransactional=1"));
  server.run("DELETE FROM shop.a; DELETE FROM shop.m");
  const std::string url = server.url("shop", "clerk");
  EXPECT_THAT(said(stage_all(*target_at(url), copy)),
              AllOf(StartsWith("denied"), HasSubstr("enforce_gtid_consistency"),
                    HasSubstr("shop.m (MyISAM)"), HasSubstr("SESSION_VARIABLES_ADMIN")));
  EXPECT_EQ(schemas(server), "shop");
  server.run("GRANT SESSION_VARIABLES_ADMIN ON *.* TO clerk@'127.0.0.1'");
  EXPECT_EQ(said(restore(*target_at(url), copy)), "ok");
  EXPECT_EQ(server.value("SELECT GROUP_CONCAT(id) FROM shop.a"), "1");
  EXPECT_EQ(server.value("SELECT GROUP_CONCAT(id) FROM shop.m"), "7");
  // Replicas are told that the old tables leave their names.
  Connection session = server.session();
  const auto events = session.query("SHOW BINLOG EVENTS").value();
  std::string logged;
  for (const Row& event : events) logged += event.text("Info") + "\n";
  EXPECT_THAT(logged, HasSubstr("ALTER TABLE `shop`.`m` RENAME TO `shop_before_"));
  EXPECT_THAT(logged, HasSubstr("ALTER TABLE `shop`.`a` RENAME TO `shop`.`stillpoint_"));
}

// Clients that read and write all the time see the old or the new, and nothing of both.
TEST(MysqlTarget, ClientsSeeTheOldOrTheNew) {
  const Server server;
  server.run(
      "CREATE DATABASE shop; CREATE TABLE shop.a(id int PRIMARY KEY, v int);"
      "CREATE TABLE shop.b LIKE shop.a; CREATE TABLE shop.log(id int AUTO_INCREMENT"
      " PRIMARY KEY, v int); INSERT INTO shop.a VALUES (1, 0); INSERT INTO shop.b VALUES"
      " (1, 0); CREATE TRIGGER shop.noting AFTER UPDATE ON shop.a FOR EACH ROW"
      " INSERT INTO shop.log(v) VALUES (NEW.v)");
  const Copy copy = back_up(server);
  std::atomic<bool> stop = false;
  std::atomic<int> written = 0;
  std::atomic<int> mixed = 0;
  std::vector<std::thread> writers;
  for (int i = 0; i < 3; ++i) {
    writers.emplace_back([&] {
      Connection session = server.session();
      while (!stop) {
        if (session.execute("START TRANSACTION; UPDATE shop.a SET v = v + 1;"
                            "UPDATE shop.b SET v = v + 1; COMMIT")) {
          ++written;
        } else {
          (void)session.execute("ROLLBACK");
        }
        const auto row = session.row(
            "SELECT a.v, b.v, (SELECT COUNT(*) FROM shop.log) FROM shop.a"
            " a, shop.b b");
        if (row && (row->text(0) != row->text(1) || row->text(0) != row->text(2))) ++mixed;
      }
    });
  }
  for (int round = 0; round < 3; ++round) {
    const int before = written;
    while (written < before + 20) std::this_thread::yield();
    const auto target = target_at(server.url("shop"));
    const auto kept = restore(*target, copy);
    ASSERT_EQ(said(kept), "ok");
    EXPECT_EQ(server.value("SELECT a.v = b.v AND a.v = (SELECT COUNT(*) FROM " + *kept +
                           ".log) FROM " + *kept + ".a, " + *kept + ".b"),
              "1");
    server.run("DROP DATABASE " + *kept);
  }
  stop = true;
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(mixed, 0);
  EXPECT_EQ(schemas(server), "shop");
}

TEST(MysqlTarget, TheFenceNamesWhoIsInTheWayAndCutsThemOnRequest) {
  const Server server;
  server.run(
      "CREATE DATABASE shop; CREATE TABLE shop.a(id int PRIMARY KEY);"
      "INSERT INTO shop.a VALUES (1); CREATE USER clerk@'127.0.0.1';"
      "GRANT ALL ON shop.* TO clerk@'127.0.0.1'");
  const Copy copy = back_up(server);
  Connection clerk = server.session("clerk");
  ASSERT_EQ(said(clerk.execute("START TRANSACTION; SELECT * FROM shop.a")), "ok");
  const auto target = target_at(server.url("shop"), {.force = true});
  ASSERT_EQ(said(restore(*target, copy)), "ok");
  EXPECT_FALSE(clerk.execute("SELECT 1"));
}

}  // namespace
}  // namespace stillpoint::database::mysql

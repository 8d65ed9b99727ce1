// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/target/postgresql_target.h"

#include <algorithm>
#include <iterator>
#include <set>

#include <gtest/gtest.h>

#include "base/text.h"
#include "database/postgresql/target/in_place_target.h"
#include "database/postgresql/target/leftovers.h"
#include "database/postgresql/target/target_testing.h"

namespace stillpoint::database::postgresql {
namespace {

using database::testing::Child;
using database::testing::Copy;
using database::testing::restore;
using database::testing::stage_all;
using database::testing::stage_part;
using testing::back_up;
using testing::dump;

// The rows of each table in three parts.
Copy in_parts(const Copy& whole) {
  Copy copy = whole;
  copy.order.clear();
  for (const std::string& path : whole.order) {
    copy.order.push_back(path);
    if (!path.starts_with("data/") || !path.ends_with("/0000")) continue;
    std::string text = copy.parts[path];
    for (int i = 0; i < 3; ++i) {
      const std::string name = path.substr(0, path.size() - 1) + std::to_string(i);
      if (i > 0) copy.order.push_back(name);
      const std::size_t cut = i == 2 ? text.size() : text.find('\n', text.size() / 3) + 1;
      copy.parts[name] = text.substr(0, cut);
      text.erase(0, cut);
    }
  }
  return copy;
}

constexpr const char* bank_settings = R"(
CREATE ROLE teller;
ALTER ROLE teller IN DATABASE bank SET work_mem = '5MB';
ALTER DATABASE bank SET search_path = money, "Odd ""one""", public;
ALTER DATABASE bank SET my.setting = 'a, "b" ''c''';
COMMENT ON DATABASE bank IS 'the house''s';
GRANT CONNECT ON DATABASE bank TO teller WITH GRANT OPTION;
REVOKE CONNECT ON DATABASE bank FROM PUBLIC;
ALTER DATABASE bank CONNECTION LIMIT 50;
)";

constexpr const char* bank_tables = R"(
CREATE SCHEMA money;
CREATE SCHEMA "Odd ""one""";
CREATE TABLE money.owners (id serial PRIMARY KEY, name text NOT NULL UNIQUE);
CREATE TABLE money.accounts (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  owner integer REFERENCES money.owners,
  balance numeric(12,2) CHECK (balance > -1000),
  doubled numeric GENERATED ALWAYS AS (balance * 2) STORED,
  note text DEFAULT 'none');
CREATE INDEX ON money.accounts (lower(note));
CREATE TABLE money.moves (at date NOT NULL, what text) PARTITION BY RANGE (at);
CREATE TABLE money.moves_2025 PARTITION OF money.moves
  FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE money.moves_2026 PARTITION OF money.moves
  FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE "Odd ""one"""."a.b c" ("x""y" int, "line
feed" text);
CREATE TABLE public.nothing ();
CREATE UNLOGGED TABLE public.fleeting (a int);
CREATE VIEW money.rich AS SELECT * FROM money.accounts WHERE balance > 100;
CREATE MATERIALIZED VIEW money.sums AS SELECT owner, sum(balance) FROM money.accounts
  GROUP BY owner;
CREATE FUNCTION money.audit() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$;
CREATE TRIGGER audit BEFORE INSERT ON money.accounts FOR EACH ROW EXECUTE FUNCTION money.audit();
ALTER TABLE money.owners ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON money.owners TO teller USING (name = current_user);
GRANT SELECT ON money.accounts TO teller;
INSERT INTO money.owners (name) SELECT 'owner ' || i FROM generate_series(1, 1000) i;
INSERT INTO money.accounts (owner, balance, note)
  SELECT 1 + i % 1000, i % 777, CASE i % 3 WHEN 0 THEN NULL WHEN 1 THEN ''
  ELSE repeat(E'\\tab\t', 40) END
  FROM generate_series(1, 20000) i;
INSERT INTO money.moves SELECT '2025-06-01'::date + i % 365, 'move ' || i
  FROM generate_series(1, 3000) i;
INSERT INTO "Odd ""one"""."a.b c" VALUES (1, NULL), (2, ''), (NULL, E'\n\r\\N');
INSERT INTO public.nothing SELECT FROM generate_series(1, 3);
INSERT INTO public.fleeting VALUES (1);
REFRESH MATERIALIZED VIEW money.sums;
SELECT lo_from_bytea(4711, 'a large object');
)";

class PostgresqlTargetTest : public ::testing::Test {
 protected:
  // One server for all: it is what takes longest.
  static void SetUpTestSuite() {
    shared().reset(new testing::Server({.configuration = {"max_prepared_transactions = 5"}}));
  }
  static void TearDownTestSuite() { shared().reset(); }
  static std::unique_ptr<testing::Server>& shared() {
    static std::unique_ptr<testing::Server> server;
    return server;
  }
  void TearDown() override {
    Connection session = server_.session();
    const auto names = session
                           .query(
                               "SELECT datname FROM pg_database WHERE datname NOT IN ('postgres',"
                               " 'template0', 'template1')")
                           .value();
    for (const Row& row : names) {
      EXPECT_TRUE(session.execute("DROP DATABASE " + quote_name(row.text(0)) + " WITH (FORCE)"));
    }
    EXPECT_TRUE(session.execute("DROP ROLE IF EXISTS teller, builder, plain"));
  }
  void SetUp() override {
    server_.run("CREATE DATABASE bank");
    server_.run(bank_settings);
    server_.run(bank_tables, "bank");
  }
  PostgresqlTarget target(const std::string& database = "bank", RestoreOptions options = {}) const {
    return PostgresqlTarget(server_.address(database), options);
  }
  std::string databases() const {
    return server_.value("SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database");
  }
  // Everything in it and about it; lines in any order, since rows may come in any order.
  std::multiset<std::string> content(const std::string& database) const {
    std::string text = dump(server_, database, {"--create"});
    for (std::size_t at = 0; (at = text.find(database, at)) != std::string::npos;) {
      text.replace(at, database.size(), "DATABASE");
    }
    std::multiset<std::string> lines;
    for (const std::string& line : base::split(text, '\n')) {
      lines.insert(line);
    }
    lines.insert(
        server_.value("SELECT string_agg(oid::text || md5(lo_get(oid)), ' ') FROM"
                      " pg_largeobject_metadata",
                      database));
    lines.insert(
        server_.value("SELECT coalesce(datacl::text, 'none') || datdba || datconnlimit ||"
                      " encoding || datcollate || datctype FROM pg_database"
                      " WHERE datname = current_database()",
                      database));
    return lines;
  }
  static void expect_same(const std::multiset<std::string>& a,
                          const std::multiset<std::string>& b) {
    std::vector<std::string> only_a;
    std::vector<std::string> only_b;
    std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(only_a));
    std::set_difference(b.begin(), b.end(), a.begin(), a.end(), std::back_inserter(only_b));
    only_a.resize(std::min<std::size_t>(only_a.size(), 10));
    only_b.resize(std::min<std::size_t>(only_b.size(), 10));
    EXPECT_EQ(base::join(only_a, "\n"), base::join(only_b, "\n"));
  }
  // Once the server has noticed that a killed process is gone.
  std::vector<Leftover> settled_leftovers(const std::string& database = "bank") const {
    for (const base::Deadline deadline(std::chrono::seconds(10));;) {
      auto found = leftovers(server_.address(database)).value();
      const bool used =
          std::any_of(found.begin(), found.end(), [](const Leftover& one) { return one.in_use; });
      if (!used || deadline.passed()) return found;
    }
  }
  static std::size_t data_parts(const Copy& copy) {
    return static_cast<std::size_t>(
        std::count_if(copy.order.begin(), copy.order.end(),
                      [](const std::string& path) { return path.starts_with("data/"); }));
  }
  testing::Server& server_ = *shared();
};

TEST_F(PostgresqlTargetTest, ReplacesADatabaseByWhatWasBackedUp) {
  const auto before = content("bank");
  const Copy copy = back_up(server_, "bank");
  server_.run("DELETE FROM money.accounts WHERE id % 2 = 0; CREATE TABLE money.more (a int)",
              "bank");
  const auto old = content("bank");
  PostgresqlTarget place = target();
  EXPECT_TRUE(place.inspect().value().exists);
  const auto kept = restore(place, copy);
  ASSERT_TRUE(kept) << kept.error().message;
  EXPECT_TRUE(place.unfence());
  EXPECT_TRUE(place.discard());
  expect_same(content("bank"), before);
  expect_same(content(*kept), old);
  EXPECT_EQ(databases(), "bank " + *kept + " postgres template0 template1");
  EXPECT_EQ(
      server_.value("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'stillpoint%'", "bank"),
      "0");
  EXPECT_EQ(server_.value("INSERT INTO money.accounts (owner) VALUES (1) RETURNING id", "bank"),
            "20001");
}

TEST_F(PostgresqlTargetTest, MakesADatabaseWhereNoneWas) {
  const auto before = content("bank");
  const Copy copy = in_parts(back_up(server_, "bank"));
  RestoreOptions options;
  options.read_back = true;
  PostgresqlTarget place = target("elsewhere", options);
  EXPECT_FALSE(place.inspect().value().exists);
  const auto kept = restore(place, copy);
  ASSERT_TRUE(kept) << kept.error().message;
  EXPECT_EQ(*kept, "");
  auto after = content("elsewhere");
  expect_same(after, before);
}

// The first parts of a restore, up to `step`.
Result<void> do_steps(Target& place, const Copy& copy, int step) {
  TRY(place.prepare(copy.content(), {}));
  if (step == 0) return {};
  int data = 0;
  for (const bool schema : {true, false}) {
    for (const std::string& path : copy.order) {
      if (path.starts_with("schema/") != schema) continue;
      TRY(stage_part(place, copy, path));
      if (!schema && ++data == 2 && step == 1) return {};
    }
  }
  if (step == 2) return {};
  TRY(place.complete({}));
  TRY(place.verify({}));
  if (step == 3) return {};
  return place.fence();
}

TEST_F(PostgresqlTargetTest, AKillAtAnyStepLeavesTheOldAndCanBeGoneOnWith) {
  const Copy copy = back_up(server_, "bank");
  const auto at_backup = content("bank");
  server_.run("DELETE FROM money.accounts WHERE id % 2 = 0", "bank");
  const auto old = content("bank");
  for (int step = 1; step <= 4; ++step) {
    Child restorer([&] {
      PostgresqlTarget place = target();
      if (!do_steps(place, copy, step)) ::_exit(1);
      ::kill(::getpid(), SIGKILL);
    });
    EXPECT_TRUE(WIFSIGNALED(restorer.wait())) << step;
    expect_same(content("bank"), old);
    const auto found = settled_leftovers();
    ASSERT_EQ(found.size(), 1U) << step;
    EXPECT_EQ(found[0].what, Leftover::What::staged);
    RestoreOptions options;
    options.resume = true;
    PostgresqlTarget place = target("bank", options);
    ASSERT_TRUE(place.inspect());
    ASSERT_TRUE(place.prepare(copy.content(), {}));
    std::size_t wanted = 0;
    for (const std::string& path : copy.order) {
      if (path.starts_with("data/") && place.wants(path)) ++wanted;
    }
    EXPECT_EQ(wanted, step == 1 ? data_parts(copy) - 2 : 0U) << step;
    for (const std::string& path : copy.order) {
      const auto staged = stage_part(place, copy, path);
      ASSERT_TRUE(staged) << staged.error().message;
    }
    const auto completed = place.complete({});
    ASSERT_TRUE(completed) << completed.error().message;
    const auto verified = place.verify({});
    ASSERT_TRUE(verified) << verified.error().message;
    if (step < 4) {
      expect_same(content("bank"), old);
      EXPECT_TRUE(place.discard());
      EXPECT_EQ(databases(), "bank postgres template0 template1");
      continue;
    }
    ASSERT_TRUE(place.fence());
    const auto kept = place.swap();
    ASSERT_TRUE(kept) << kept.error().message;
    expect_same(content("bank"), at_backup);
    EXPECT_EQ(databases(), "bank " + *kept + " postgres template0 template1");
  }
}

TEST_F(PostgresqlTargetTest, AKillInTheSwitchIsGoneOnWith) {
  const Copy copy = back_up(server_, "bank");
  const auto at_backup = content("bank");
  // As it is between the mark and the switch.
  Child restorer([&] {
    PostgresqlTarget place = target();
    if (!do_steps(place, copy, 3)) ::_exit(1);
    ::kill(::getpid(), SIGKILL);
  });
  EXPECT_TRUE(WIFSIGNALED(restorer.wait()));
  const std::string staged = settled_leftovers().at(0).name;
  const std::string schema =
      server_.value("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'stillpoint%'", staged);
  server_.run("DROP SCHEMA " + schema + " CASCADE", staged);
  server_.run("COMMENT ON DATABASE " + staged + " IS " +
              quote_text(text_of({"bank", copy.content().backup, "", true})));
  RestoreOptions options;
  options.resume = true;
  PostgresqlTarget place = target("bank", options);
  const auto kept = restore(place, copy);
  ASSERT_TRUE(kept) << kept.error().message;
  expect_same(content("bank"), at_backup);
}

TEST_F(PostgresqlTargetTest, AKillBetweenIndexesIsGoneOnWith) {
  const Copy copy = back_up(server_, "bank");
  const auto at_backup = content("bank");
  Child restorer([&] {
    PostgresqlTarget place = target();
    if (!do_steps(place, copy, 3)) ::_exit(1);
    ::kill(::getpid(), SIGKILL);
  });
  EXPECT_TRUE(WIFSIGNALED(restorer.wait()));
  // As if it had made some of what comes after the data.
  const std::string staged = settled_leftovers().at(0).name;
  const std::string schema =
      server_.value("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'stillpoint%'", staged);
  server_.run("DELETE FROM " + schema + ".progress WHERE step IN ('post-data', 'analyze')", staged);
  server_.run("ALTER TABLE money.accounts DROP CONSTRAINT accounts_owner_fkey", staged);
  server_.run("DROP TRIGGER audit ON money.accounts; DROP POLICY own ON money.owners", staged);
  RestoreOptions options;
  options.resume = true;
  PostgresqlTarget place = target("bank", options);
  const auto kept = restore(place, copy);
  ASSERT_TRUE(kept) << kept.error().message;
  expect_same(content("bank"), at_backup);
}

TEST_F(PostgresqlTargetTest, UnloggedRowsThatACrashTookAreStagedAgain) {
  const Copy copy = back_up(server_, "bank");
  for (const int step : {2, 3}) {
    Child restorer([&] {
      PostgresqlTarget place = target("other");
      if (!do_steps(place, copy, step)) ::_exit(1);
      ::kill(::getpid(), SIGKILL);
    });
    EXPECT_TRUE(WIFSIGNALED(restorer.wait()));
    server_.run("CHECKPOINT");
    server_.kill();
    server_.start();
    RestoreOptions options;
    options.resume = true;
    PostgresqlTarget place = target("other", options);
    const auto done = restore(place, copy);
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(server_.value("SELECT a FROM public.fleeting", "other"), "1") << step;
    server_.run("DROP DATABASE other");
  }
}

TEST_F(PostgresqlTargetTest, AServerThatStopsLeavesTheOld) {
  const Copy copy = back_up(server_, "bank");
  const auto old = content("bank");
  for (int step = 1; step <= 4; ++step) {
    PostgresqlTarget place = target();
    ASSERT_TRUE(do_steps(place, copy, step));
    server_.restart();
    EXPECT_TRUE(step < 4 || !place.swap());
    EXPECT_TRUE(place.discard());
    expect_same(content("bank"), old);
    EXPECT_EQ(databases(), "bank postgres template0 template1");
  }
}

TEST_F(PostgresqlTargetTest, ACutSessionLeavesTheOld) {
  const Copy copy = back_up(server_, "bank");
  const auto old = content("bank");
  PostgresqlTarget place = target();
  ASSERT_TRUE(do_steps(place, copy, 4));
  server_.run(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state ="
      " 'idle in transaction' AND application_name = 'stillpoint restore'");
  const auto switched = place.swap();
  ASSERT_FALSE(switched);
  EXPECT_EQ(switched.error().code, Errc::unavailable) << switched.error().message;
  expect_same(content("bank"), old);
}

TEST_F(PostgresqlTargetTest, TheFenceNamesUsersOrCutsThem) {
  const Copy copy = back_up(server_, "bank");
  Connection user = server_.session("bank");
  EXPECT_TRUE(user.execute("SET application_name = 'a teller'"));
  {
    PostgresqlTarget place = target();
    ASSERT_TRUE(do_steps(place, copy, 3));
    const auto refused = place.fence();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::busy);
    EXPECT_NE(refused.error().message.find("a teller"), std::string::npos);
  }
  EXPECT_TRUE(user.execute("SELECT 1"));
  RestoreOptions options;
  options.force = true;
  PostgresqlTarget place = target("bank", options);
  ASSERT_TRUE(do_steps(place, copy, 4));
  EXPECT_FALSE(user.execute("SELECT 1"));
  // Who comes now waits, and is let in again.
  ConnectOptions soon;
  soon.time_max = std::chrono::milliseconds(300);
  EXPECT_FALSE(Connection::connect(server_.address("bank"), soon));
  EXPECT_TRUE(place.unfence());
  EXPECT_TRUE(Connection::connect(server_.address("bank"), soon));
  EXPECT_TRUE(place.fence());
  EXPECT_TRUE(place.swap());
}

TEST_F(PostgresqlTargetTest, APreparedTransactionIsNamed) {
  const Copy copy = back_up(server_, "bank");
  server_.run("BEGIN; INSERT INTO money.owners (name) VALUES ('x'); PREPARE TRANSACTION 'gid 7'",
              "bank");
  RestoreOptions options;
  options.force = true;
  PostgresqlTarget place = target("bank", options);
  ASSERT_TRUE(do_steps(place, copy, 3));
  const auto refused = place.fence();
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("gid 7"), std::string::npos) << refused.error().message;
  server_.run("ROLLBACK PREPARED 'gid 7'", "bank");
}

TEST_F(PostgresqlTargetTest, FillsAnEmptyDatabaseInPlace) {
  const Copy copy = back_up(server_, "bank");
  server_.run("CREATE ROLE plain LOGIN");
  server_.run("CREATE DATABASE empty OWNER plain");
  server_.run("CREATE EXTENSION hstore SCHEMA public; COMMENT ON SCHEMA public IS 'its own'",
              "empty");
  const auto before = content("empty");
  RestoreOptions options;
  options.in_place = true;
  options.no_owner = true;
  {
    InPlaceTarget place(server_.address("empty"), options);
    ASSERT_TRUE(do_steps(place, copy, 3));
    EXPECT_NE(server_.value("SELECT to_regclass('money.accounts')", "empty"), "");
    EXPECT_EQ(leftovers(server_.address("empty")).value().size(), 1U);
    const auto discarded = place.discard();
    EXPECT_TRUE(discarded) << discarded.error().message;
  }
  expect_same(content("empty"), before);
  InPlaceTarget place(server_.address("empty"), options);
  const auto kept = restore(place, copy);
  ASSERT_TRUE(kept) << kept.error().message;
  EXPECT_EQ(*kept, "");
  EXPECT_EQ(server_.value("SELECT count(*) FROM money.accounts", "empty"), "20000");
  EXPECT_EQ(databases(), "bank empty postgres template0 template1");
  InPlaceTarget again(server_.address("empty"), options);
  const auto refused = again.prepare(copy.content(), {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::already_exists);
}

TEST_F(PostgresqlTargetTest, InPlaceIsGoneOnWithOrClearedUp) {
  const Copy copy = back_up(server_, "bank");
  server_.run("CREATE DATABASE empty");
  const auto before = content("empty");
  RestoreOptions options;
  options.in_place = true;
  for (const bool resume : {true, false}) {
    Child restorer([&] {
      InPlaceTarget place(server_.address("empty"), options);
      if (!do_steps(place, copy, 1)) ::_exit(1);
      ::kill(::getpid(), SIGKILL);
    });
    EXPECT_TRUE(WIFSIGNALED(restorer.wait()));
    if (!resume) {
      const auto found = settled_leftovers("empty");
      ASSERT_EQ(found.size(), 1U);
      const auto removed = remove_leftover(server_.address("empty"), found[0]);
      EXPECT_TRUE(removed) << removed.error().message;
      expect_same(content("empty"), before);
      continue;
    }
    options.resume = true;
    InPlaceTarget place(server_.address("empty"), options);
    ASSERT_TRUE(place.prepare(copy.content(), {}));
    for (const std::string& path : copy.order) ASSERT_TRUE(stage_part(place, copy, path));
    const auto completed = place.complete({});
    ASSERT_TRUE(completed) << completed.error().message;
    EXPECT_TRUE(place.verify({}));
    EXPECT_TRUE(place.discard());
    expect_same(content("empty"), before);
    options.resume = false;
  }
}

TEST_F(PostgresqlTargetTest, VerifyingFindsWhatDiffers) {
  const Copy copy = back_up(server_, "bank");
  for (const int fault : {0, 1, 2}) {
    Copy wrong = copy;
    RestoreOptions options;
    options.read_back = fault == 2;
    PostgresqlTarget place = target("elsewhere", options);
    for (Object& object : wrong.objects) {
      if (object.name != "money.owners") continue;
      if (fault == 0) ++*object.rows;
      if (fault == 1) ++*object.checksum;
    }
    ASSERT_TRUE(stage_all(place, wrong));
    if (fault == 2) {
      const std::string staged = leftovers(server_.address("elsewhere")).value().at(0).name;
      server_.run("UPDATE money.owners SET name = 'nobody' WHERE id = 7", staged);
    }
    const auto verified = place.verify({});
    ASSERT_FALSE(verified);
    EXPECT_EQ(verified.error().code, Errc::corrupt);
    EXPECT_NE(verified.error().message.find("money.owners"), std::string::npos)
        << verified.error().message;
  }
}

TEST_F(PostgresqlTargetTest, MissingRolesAndExtensionsAreNamed) {
  server_.run("CREATE EXTENSION hstore SCHEMA public", "bank");
  const Copy copy = back_up(server_, "bank");
  const testing::Server other;
  {
    PostgresqlTarget place(other.address("bank"));
    const auto staged = stage_all(place, copy);
    ASSERT_FALSE(staged);
    EXPECT_NE(staged.error().message.find("teller"), std::string::npos) << staged.error().message;
    EXPECT_NE(staged.error().advice.find("--no-owner"), std::string::npos);
  }
  EXPECT_EQ(other.value("SELECT count(*) FROM pg_database"), "3");
  other.run("CREATE ROLE teller");
  PostgresqlTarget place(other.address("bank"));
  const auto kept = restore(place, copy);
  ASSERT_TRUE(kept) << kept.error().message;
}

TEST_F(PostgresqlTargetTest, AnOrdinaryRoleRestoresWhatIsItsOwn) {
  const Copy copy = back_up(server_, "bank");
  server_.run("CREATE ROLE builder LOGIN CREATEDB; CREATE ROLE plain LOGIN");
  RestoreOptions options;
  {
    PostgresqlTarget place(server_.address("bank", "plain"), options);
    const auto refused = place.prepare(copy.content(), {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::denied);
    EXPECT_NE(refused.error().message.find("plain"), std::string::npos);
  }
  {
    PostgresqlTarget place(server_.address("bank", "builder"), options);
    const auto refused = place.prepare(copy.content(), {});
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("postgres"), std::string::npos);
  }
  options.no_owner = true;
  PostgresqlTarget place(server_.address("new", "builder"), options);
  const auto kept = restore(place, copy);
  ASSERT_TRUE(kept) << kept.error().message << kept.error().advice;
  EXPECT_EQ(server_.value("SELECT tableowner FROM pg_tables WHERE tablename = 'accounts'", "new"),
            "builder");
}

TEST_F(PostgresqlTargetTest, LeftoversAreFoundAndRemoved) {
  const Copy copy = back_up(server_, "bank");
  server_.run("CREATE DATABASE bank_before_the_flood");
  PostgresqlTarget place = target();
  const std::string kept = restore(place, copy).value();
  PostgresqlTarget alive = target();
  ASSERT_TRUE(do_steps(alive, copy, 1));
  auto found = leftovers(server_.address("bank")).value();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].name, kept);
  EXPECT_EQ(found[0].what, Leftover::What::kept);
  EXPECT_FALSE(found[0].in_use);
  EXPECT_TRUE(found[1].in_use);
  EXPECT_EQ(remove_leftover(server_.address("bank"), found[1]).error().code, Errc::busy);
  {
    const Connection reader = server_.session(kept);
    EXPECT_EQ(remove_leftover(server_.address("bank"), found[0]).error().code, Errc::busy);
  }
  found[0].name = "bank_before_the_flood";
  EXPECT_EQ(remove_leftover(server_.address("bank"), found[0]).error().code, Errc::not_found);
  EXPECT_TRUE(alive.discard());
  found = settled_leftovers();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_TRUE(remove_leftover(server_.address("bank"), found[0]));
  EXPECT_EQ(databases(), "bank bank_before_the_flood postgres template0 template1");
}

}  // namespace
}  // namespace stillpoint::database::postgresql

// SPDX-License-Identifier: Apache-2.0
// The promises of database/database.h and database/target.h, held against every kind of database.
#include <algorithm>
#include <chrono>

#include "base/program.h"
#include "database/mysql/testing.h"
#include "database/postgresql/testing.h"
#include "database/sqlite/testing.h"
#include "database/target.h"

namespace stillpoint::database {
namespace {

using namespace sqlite::testing;

// A database of one kind with a table of names, and what the tests do to it as other users would.
class Fixture {
 public:
  virtual ~Fixture() = default;
  virtual std::string url() const = 0;
  virtual std::string other_url() const = 0;  // where nothing is yet
  virtual void create() = 0;
  virtual bool commit(int patience_milliseconds) = 0;
  virtual std::string content(const std::string& url) const = 0;      // every row
  virtual std::map<std::string, std::string> everything() const = 0;  // every stored byte
  // What another process does: reads (or, when told to go, locks) the database until it is killed.
  virtual std::function<void()> reader() const = 0;
  virtual std::function<void()> locker() const = 0;
  // An old database is kept under this name: what it contains.
  virtual std::string kept_content(const std::string& kept) const = 0;
  virtual std::string table() const { return "names"; }  // as a backup names it
};

class SqliteFixture : public Fixture {
 public:
  explicit SqliteFixture(std::string journal) : journal_(std::move(journal)) {}
  std::string url() const override { return "sqlite://" + path(); }
  std::string other_url() const override { return "sqlite://" + (folder_ / "other.db"); }
  void create() override {
    Client client(path());
    client.run(
        "PRAGMA journal_mode=" + journal_ +
        "; CREATE TABLE names(id INTEGER PRIMARY KEY, name TEXT); CREATE INDEX i ON names(name);"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<60000) "
        "INSERT INTO names SELECT i, 'name ' || i FROM n");
  }
  bool commit(int patience_milliseconds) override {
    Client client(path());
    client.patience(patience_milliseconds);
    return client.run(
        "UPDATE names SET name = name || '!' WHERE id % 3 = 0;"
        "INSERT INTO names(name) VALUES('another'); DELETE FROM names WHERE id=1");
  }
  std::string content(const std::string& url) const override {
    return ask(url.substr(std::string("sqlite://").size()), "SELECT * FROM names ORDER BY id");
  }
  std::map<std::string, std::string> everything() const override { return folder_.files(); }
  std::function<void()> reader() const override {
    return [this] {
      Client client(path());
      client.run("BEGIN; SELECT * FROM names LIMIT 1");
      Child::ready_and_sleep();
    };
  }
  std::function<void()> locker() const override {
    return [this] {
      Child::wait_for_go();
      Client client(path());
      client.run("BEGIN EXCLUSIVE; UPDATE names SET name='locked'");
      Child::ready_and_sleep();
    };
  }
  std::string kept_content(const std::string& kept) const override {
    return content("sqlite://" + kept);
  }

 private:
  std::string path() const { return folder_ / "names.db"; }
  Folder folder_;
  std::string journal_;
};

class PostgresqlFixture : public Fixture {
 public:
  using Server = postgresql::testing::Server;
  using Connection = postgresql::Connection;

  PostgresqlFixture() {
    static int made = 0;
    name_ = "names_" + std::to_string(++made);
  }
  ~PostgresqlFixture() override {
    Connection session = server().session();
    const auto databases =
        session.query("SELECT datname FROM pg_database WHERE datname LIKE 'names%'").value();
    for (const postgresql::Row& row : databases) {
      EXPECT_TRUE(session.execute("DROP DATABASE " + postgresql::quote_name(row.text(0)) +
                                  " WITH (FORCE)"));
    }
  }
  std::string url() const override { return server().url(name_); }
  std::string other_url() const override { return server().url(name_ + "_other"); }
  std::string table() const override { return "public.names"; }
  void create() override {
    server().run("CREATE DATABASE " + name_);
    server().run(
        "CREATE TABLE public.names(id serial PRIMARY KEY, name text);"
        "CREATE INDEX i ON public.names(name);"
        "INSERT INTO public.names SELECT nextval('public.names_id_seq'), 'name ' || i"
        " FROM generate_series(1, 60000) i",
        name_);
  }
  bool commit(int patience_milliseconds) override {
    Connection session = server().session(name_);
    return session
        .execute("SET lock_timeout = " + std::to_string(std::max(patience_milliseconds, 1)) +
                 "; BEGIN; UPDATE public.names SET name = name || '!' WHERE id % 3 = 0;"
                 "INSERT INTO public.names(name) VALUES('another');"
                 "DELETE FROM public.names WHERE id=1; COMMIT")
        .has_value();
  }
  std::string content(const std::string& url) const override {
    std::string rows;
    auto session = Connection::connect({url, {}, {}});
    if (!session) return "error: " + session.error().message;
    const auto copied = session->copy_out("COPY (SELECT * FROM public.names ORDER BY id) TO STDOUT",
                                          [&](ByteView row) {
                                            rows += base::text_of(row);
                                            return Result<void>();
                                          });
    return copied ? rows : "error: " + copied.error().message;
  }
  std::map<std::string, std::string> everything() const override {
    std::map<std::string, std::string> all;
    Connection session = server().session();
    const auto databases =
        session.query("SELECT datname FROM pg_database WHERE datname LIKE 'names%'").value();
    for (const postgresql::Row& row : databases) {
      std::string& dump = all[row.text(0)];
      const auto ran =
          base::run_program({{postgresql::testing::programs_folder() + "/pg_dump", "--create",
                              "--restrict-key=x", "--dbname=" + server().url(row.text(0))},
                             {},
                             {}},
                            [&](ByteView bytes) -> Result<void> {
                              dump += base::text_of(bytes);
                              return {};
                            },
                            {});
      EXPECT_TRUE(ran) << ran.error().message;
    }
    return all;
  }
  std::function<void()> reader() const override {
    return [this] { use("SELECT count(*) FROM public.names", false); };
  }
  std::function<void()> locker() const override {
    return [this] {
      use("LOCK TABLE public.names IN EXCLUSIVE MODE; UPDATE public.names SET name = 'locked'",
          true);
    };
  }
  std::string kept_content(const std::string& kept) const override {
    return content(server().url(kept));
  }

 private:
  // One for all tests: it takes longer to start than all that they do.
  static const Server& server() {
    static const Server one;
    return one;
  }
  [[noreturn]] void use(const std::string& sql, bool told) const {
    if (told) Child::wait_for_go();
    Connection session = server().session(name_);
    const std::string me = "process " + std::to_string(::getpid());
    if (!session.execute("SET application_name = '" + me + "'; BEGIN; " + sql)) ::_exit(1);
    Child::ready_and_sleep();
  }
  std::string name_;
};

class MysqlFixture : public Fixture {
 public:
  using Server = mysql::testing::Server;
  using Connection = mysql::Connection;

  MysqlFixture() {
    static int made = 0;
    name_ = "names_" + std::to_string(++made);
  }
  ~MysqlFixture() override {
    for (const std::string& schema : schemas()) server().run("DROP DATABASE " + schema);
  }
  std::string url() const override { return server().url(name_); }
  std::string other_url() const override { return server().url(name_ + "_other"); }
  std::string table() const override { return name_ + ".names"; }
  void create() override {
    server().run("CREATE DATABASE " + name_ + "; USE " + name_ +
                 "; CREATE TABLE names(id int AUTO_INCREMENT PRIMARY KEY, name varchar(100), KEY"
                 " i(name)); INSERT INTO names(name) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL"
                 " SELECT i + 1 FROM n WHERE i < 60000) SELECT CONCAT('name ', i) FROM n;"
                 "CREATE TRIGGER kept BEFORE INSERT ON names FOR EACH ROW SET NEW.name = NEW.name;"
                 "CREATE VIEW few AS SELECT * FROM names WHERE id < 10");
  }
  bool commit(int patience_milliseconds) override {
    Connection session = server().session();
    session.limit(base::Deadline(std::chrono::milliseconds(std::max(patience_milliseconds, 50))));
    const std::string names = name_ + ".names";
    return session
        .execute("START TRANSACTION; UPDATE " + names +
                 " SET name = CONCAT(name, '!') WHERE id % 3"
                 " = 0; INSERT INTO " +
                 names + "(name) VALUES('another'); DELETE FROM " + names + " WHERE id = 1; COMMIT")
        .has_value();
  }
  std::string content(const std::string& url) const override {
    std::string rows;
    auto session = Connection::connect({url, {}, {}});
    if (!session) return "error: " + session.error().message;
    const std::string schema = session->location().schemas.at(0);
    const auto read = session->stream("SELECT id, name FROM " + schema + ".names ORDER BY id",
                                      [&](const mysql::Cells& row) {
                                        rows += std::string(row.values[0]) + " " + row.values[1];
                                        return Result<void>();
                                      });
    return read ? rows : "error: " + read.error().message;
  }
  std::map<std::string, std::string> everything() const override {
    std::map<std::string, std::string> all;
    for (const std::string& schema : schemas()) {
      std::string& dump = all[schema];
      const auto ran =
          base::run_program({{"mariadb-dump", "--no-defaults", "--socket=" + server().socket(),
                              "--user=root", "--skip-lock-tables", "--routines", "--triggers",
                              "--events", "--skip-comments", schema},
                             {},
                             {}},
                            [&](ByteView bytes) -> Result<void> {
                              dump += base::text_of(bytes);
                              return {};
                            },
                            {});
      EXPECT_TRUE(ran) << ran.error().message;
    }
    return all;
  }
  std::function<void()> reader() const override {
    return [this] { use("SELECT COUNT(*) FROM " + name_ + ".names", false); };
  }
  std::function<void()> locker() const override {
    return [this] { use("UPDATE " + name_ + ".names SET name = 'locked'", true); };
  }
  std::string kept_content(const std::string& kept) const override {
    return content(server().url(kept));
  }

 private:
  // One for all tests: it takes longer to start than all that they do.
  static const Server& server() {
    static const Server one;
    return one;
  }
  static std::vector<std::string> schemas() {
    std::vector<std::string> names;
    Connection session = server().session();
    const auto rows = session.query("SHOW DATABASES LIKE 'names%'").value();
    for (const mysql::Row& row : rows) names.push_back(row.text(0));
    return names;
  }
  // As a user that is called like the process.
  [[noreturn]] static void use(const std::string& sql, bool told) {
    if (told) Child::wait_for_go();
    const std::string me = "process" + std::to_string(::getpid());
    const std::string account = "'" + me + "'@'127.0.0.1'";
    server().run("CREATE USER " + account + "; GRANT ALL ON *.* TO " + account);
    Connection session = server().session(me);
    if (!session.execute("START TRANSACTION; " + sql)) ::_exit(1);
    Child::ready_and_sleep();
  }
  std::string name_;
};

struct Case {
  std::string name;
  std::function<std::unique_ptr<Fixture>()> make;
};

template <class F, class... Args>
Case line(const std::string& name, Args... args) {
  return {name, [=] { return std::make_unique<F>(args...); }};
}

const Case cases[] = {
    line<SqliteFixture>("sqlite_wal", "wal"),
    line<SqliteFixture>("sqlite_rollback", "delete"),
    line<PostgresqlFixture>("postgresql"),
    line<MysqlFixture>("mysql"),
};

class Conformance : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    if (GetParam().name == "postgresql" && postgresql::testing::programs_folder().empty()) {
      GTEST_SKIP() << "there is no PostgreSQL here";
    }
    fixture_ = GetParam().make();
    fixture_->create();
  }
  std::unique_ptr<Database> prepared() const {
    auto database = kind_of(fixture_->url()).value()->open({fixture_->url(), {}, {}}, {}).value();
    const auto done = database->prepare({});
    EXPECT_TRUE(done) << done.error().message;
    return database;
  }
  std::unique_ptr<Database> opened() const {
    auto database = prepared();
    const auto done = database->open(base::Deadline(std::chrono::seconds(2)));
    EXPECT_TRUE(done) << done.error().message;
    return database;
  }
  Copy backup() const { return copy_of(*opened()); }
  std::unique_ptr<Target> target(const std::string& url, const RestoreOptions& options = {}) const {
    return kind_of(url).value()->open_target({url, {}, {}}, options).value();
  }
  // Once a killed process is gone for good.
  std::vector<Leftover> settled_leftovers() const {
    for (const base::Deadline deadline(std::chrono::seconds(10));;) {
      auto found = kind_of(fixture_->url()).value()->leftovers({fixture_->url(), {}, {}}).value();
      const bool used =
          std::any_of(found.begin(), found.end(), [](const Leftover& one) { return one.in_use; });
      if (!used || deadline.passed()) return found;
    }
  }
  std::unique_ptr<Fixture> fixture_;
};

class DatabasePromises : public Conformance {};

// The steps of a restore before the switch.
Result<void> do_steps(Target& target, const Copy& copy, int steps) {
  if (steps > 0) TRY(stage_all(target, copy));
  if (steps > 1) TRY(target.verify({}));
  if (steps > 2) TRY(target.fence());
  return {};
}

class TargetPromises : public Conformance {
 protected:
  void kill_after(int steps, const Copy& copy) const {
    Child restorer([&] {
      const auto place = target(fixture_->url());
      if (!do_steps(*place, copy, steps)) ::_exit(1);
      ::kill(::getpid(), SIGKILL);
    });
    EXPECT_TRUE(WIFSIGNALED(restorer.wait())) << steps;
  }
};

TEST_P(DatabasePromises, OneWhatIsReadIsTheStateAtOpening) {
  const std::string before = fixture_->content(fixture_->url());
  Copy copy;
  bool committed = false;
  {
    const auto database = opened();
    const bool waits = database->capabilities().writers_wait;
    committed = fixture_->commit(0);
    EXPECT_EQ(committed, !waits);
    copy = copy_of(*database, [&] { EXPECT_EQ(fixture_->commit(0), !waits); });
  }
  const auto restored = restore(*target(fixture_->other_url()), copy);
  ASSERT_TRUE(restored) << restored.error().message;
  EXPECT_TRUE(fixture_->content(fixture_->other_url()) == before);
  EXPECT_EQ(fixture_->content(fixture_->url()) != before, committed);
}

TEST_P(DatabasePromises, TwoOpeningEndsWithItsDeadline) {
  Child locker(fixture_->locker());
  const auto database = prepared();
  locker.go();
  locker.wait_until_ready();
  const bool waits = database->capabilities().writers_wait;
  const auto began = std::chrono::steady_clock::now();
  const auto opened = database->open(base::Deadline(std::chrono::milliseconds(300)));
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(2));
  EXPECT_EQ(opened.has_value(), !waits);
  if (opened) return;
  EXPECT_EQ(opened.error().code, Errc::busy) << opened.error().message;
  EXPECT_NE(opened.error().message.find(locker.id()), std::string::npos) << opened.error().message;
}

TEST_P(DatabasePromises, ThreeNothingIsChangedOrLeftBehind) {
  const auto before = fixture_->everything();
  {
    const auto database = opened();
    copy_of(*database);
    EXPECT_TRUE(database->write_mark());
  }
  EXPECT_TRUE(fixture_->everything() == before);
}

TEST_P(DatabasePromises, FourTheSameSnapshotGivesTheSameBytes) {
  const auto database = opened();
  const Copy first = copy_of(*database);
  const bool waits = database->capabilities().writers_wait;
  const Copy second = copy_of(*database, [&] { EXPECT_EQ(fixture_->commit(0), !waits); });
  EXPECT_TRUE(first.parts == second.parts);
}

TEST_P(DatabasePromises, FiveAStopRequestEndsReadingAndCounting) {
  const auto database = opened();
  auto objects = database->objects().value();
  const auto with_rows = std::find_if(objects.begin(), objects.end(), [](const Object& object) {
    return !object.parts.empty() && object.parts.at(0).path.starts_with("data/");
  });
  std::stop_source stop;
  MemorySink sink;
  sink.during = [&] { stop.request_stop(); };
  EXPECT_EQ(database->read(with_rows->parts.at(0), sink, stop.get_token()).error().code,
            Errc::cancelled);
  EXPECT_EQ(database->count(objects, stop.get_token()).error().code, Errc::cancelled);
}

TEST_P(DatabasePromises, SixAHoldKeepsOthersFromWriting) {
  const std::vector<std::string> tables = {fixture_->table()};
  const auto database = prepared();
  const base::Deadline soon(std::chrono::seconds(2));
  if (!database->capabilities().hold_writes) {
    EXPECT_EQ(database->hold_writes(tables, soon, std::chrono::seconds(5)).error().code,
              Errc::unsupported);
    return;
  }
  auto hold = database->hold_writes(tables, soon, std::chrono::seconds(20));
  ASSERT_TRUE(hold) << hold.error().message;
  EXPECT_FALSE(fixture_->commit(100));
  ASSERT_TRUE(database->open(soon));
  const auto released = (*hold)->release();
  EXPECT_TRUE(released) << released.error().message;
  EXPECT_TRUE(fixture_->commit(1000));
}

TEST_P(DatabasePromises, SixAHoldLastsNoLongerThanItMay) {
  const auto database = prepared();
  if (!database->capabilities().hold_writes) return;
  auto hold = database->hold_writes({fixture_->table()}, base::Deadline(std::chrono::seconds(2)),
                                    std::chrono::milliseconds(300));
  ASSERT_TRUE(hold) << hold.error().message;
  EXPECT_TRUE(fixture_->commit(5000));
  EXPECT_FALSE((*hold)->release());
}

TEST_P(DatabasePromises, SixWhoIsInTheWayOfAHoldIsNamed) {
  Child locker(fixture_->locker());
  const auto database = prepared();
  if (!database->capabilities().hold_writes) return;
  locker.go();
  locker.wait_until_ready();
  const auto hold = database->hold_writes(
      {fixture_->table()}, base::Deadline(std::chrono::milliseconds(300)), std::chrono::seconds(1));
  ASSERT_FALSE(hold);
  EXPECT_EQ(hold.error().code, Errc::busy);
  EXPECT_NE(hold.error().message.find(locker.id()), std::string::npos) << hold.error().message;
}

TEST_P(DatabasePromises, TheWriteMarkTellsOfCommits) {
  const auto database = prepared();
  const std::string mark = database->write_mark().value();
  EXPECT_EQ(database->write_mark().value(), mark);
  ASSERT_TRUE(fixture_->commit(1000));
  const std::string later = database->write_mark().value();
  EXPECT_NE(later, mark);
  ASSERT_TRUE(database->open(base::Deadline(std::chrono::seconds(2))));
  EXPECT_EQ(database->write_mark().value(), later);
}

INSTANTIATE_TEST_SUITE_P(Kinds, DatabasePromises, ::testing::ValuesIn(cases),
                         [](const auto& test) { return test.param.name; });

TEST_P(TargetPromises, OneNothingIsChangedBeforeTheSwitch) {
  const Copy copy = backup();
  ASSERT_TRUE(fixture_->commit(1000));
  const auto before = fixture_->everything();
  for (int steps = 0; steps <= 3; ++steps) {
    const auto place = target(fixture_->url());
    const auto done = do_steps(*place, copy, steps);
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_TRUE(steps % 2 == 0 || place->discard());
  }
  EXPECT_TRUE(fixture_->everything() == before);
}

TEST_P(TargetPromises, OneAKillBeforeTheSwitchLeavesTheOldAsItWas) {
  const Copy copy = backup();
  ASSERT_TRUE(fixture_->commit(1000));
  const std::string content = fixture_->content(fixture_->url());
  const auto before = fixture_->everything();
  for (int steps = 0; steps <= 3; ++steps) {
    kill_after(steps, copy);
    auto after = fixture_->everything();
    for (const auto& [name, bytes] : before) EXPECT_TRUE(after.at(name) == bytes) << name;
    EXPECT_TRUE(fixture_->content(fixture_->url()) == content) << steps;
  }
}

TEST_P(TargetPromises, TwoAndThreeTheSwitchGivesTheNewAndKeepsTheOld) {
  const std::string at_backup = fixture_->content(fixture_->url());
  const Copy copy = backup();
  ASSERT_TRUE(fixture_->commit(1000));
  const std::string old = fixture_->content(fixture_->url());
  ASSERT_TRUE(at_backup != old);
  const auto place = target(fixture_->url());
  EXPECT_TRUE(place->inspect().value().exists);
  const auto kept = restore(*place, copy);
  ASSERT_TRUE(kept) << kept.error().message;
  EXPECT_TRUE(place->discard());
  EXPECT_TRUE(fixture_->content(fixture_->url()) == at_backup);
  EXPECT_TRUE(fixture_->kept_content(*kept) == old);
  EXPECT_TRUE(fixture_->commit(1000));
}

TEST_P(TargetPromises, ThreeNothingIsKeptWhereNothingWas) {
  const Copy copy = backup();
  const auto place = target(fixture_->other_url());
  EXPECT_FALSE(place->inspect().value().exists);
  EXPECT_EQ(restore(*place, copy).value(), "");
  EXPECT_TRUE(fixture_->content(fixture_->other_url()) == fixture_->content(fixture_->url()));
}

TEST_P(TargetPromises, FourTheFenceNamesWhoUsesTheOld) {
  const Copy copy = backup();
  Child user(fixture_->reader());
  user.wait_until_ready();
  const auto place = target(fixture_->url());
  ASSERT_TRUE(do_steps(*place, copy, 2));
  const auto fenced = place->fence();
  ASSERT_FALSE(fenced);
  EXPECT_EQ(fenced.error().code, Errc::busy);
  EXPECT_NE(fenced.error().message.find(user.id()), std::string::npos) << fenced.error().message;
  user.kill();
  EXPECT_TRUE(place->fence());
  EXPECT_TRUE(place->swap());
}

TEST_P(TargetPromises, FiveWhatAKillLeavesIsGoneOnWith) {
  const std::string at_backup = fixture_->content(fixture_->url());
  const Copy copy = backup();
  ASSERT_TRUE(fixture_->commit(1000));
  for (int steps = 1; steps <= 3; ++steps) {
    kill_after(steps, copy);
    RestoreOptions options;
    options.resume = true;
    const auto place = target(fixture_->url(), options);
    const auto kept = restore(*place, copy);
    ASSERT_TRUE(kept) << kept.error().message;
    EXPECT_TRUE(fixture_->content(fixture_->url()) == at_backup) << steps;
    for (const Leftover& left : settled_leftovers()) {
      EXPECT_EQ(left.what, Leftover::What::kept) << left.name;
    }
  }
}

TEST_P(TargetPromises, FiveWhatAKillLeavesCanBeRemoved) {
  const Copy copy = backup();
  const auto before = fixture_->everything();
  const Kind* kind = kind_of(fixture_->url()).value();
  for (int steps = 1; steps <= 3; ++steps) {
    kill_after(steps, copy);
    const auto left = settled_leftovers();
    EXPECT_FALSE(left.empty()) << steps;
    for (const Leftover& one : left) {
      EXPECT_EQ(one.what, Leftover::What::staged);
      const auto removed = kind->remove({fixture_->url(), {}, {}}, one);
      EXPECT_TRUE(removed) << removed.error().message;
    }
    EXPECT_TRUE(fixture_->everything() == before) << steps;
  }
}

TEST_P(TargetPromises, VerifyingHoldsTheDataAgainstTheBackup) {
  Copy copy = backup();
  for (Object& object : copy.objects) {
    if (object.rows) ++*object.rows;
  }
  const auto place = target(fixture_->other_url());
  ASSERT_TRUE(stage_all(*place, copy));
  EXPECT_EQ(place->verify({}).error().code, Errc::corrupt);
}

INSTANTIATE_TEST_SUITE_P(Kinds, TargetPromises, ::testing::ValuesIn(cases),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace stillpoint::database

// SPDX-License-Identifier: Apache-2.0
// A database of every kind, for the tests of what all kinds promise.
#pragma once

#include <algorithm>
#include <chrono>

#include "base/encoding.h"
#include "base/program.h"
#include "database/mysql/testing.h"
#include "database/postgresql/testing.h"
#include "database/sqlite/testing.h"
#include "database/target.h"

namespace stillpoint::database::testing {

using namespace sqlite::testing;

struct WatchedRow {
  int id = 0;
  std::optional<std::string> words = {};
  std::optional<std::string> data = {};
};

// "INSERT INTO table VALUES (1, …), (2, …)"; `words` and `data` say how a value is written, with ?
// for its hexadecimal digits.
inline std::string insertion(const std::string& table, const std::vector<WatchedRow>& rows,
                             const std::string& words, const std::string& data) {
  const auto value = [](const std::optional<std::string>& bytes, std::string text) {
    if (!bytes) return std::string("NULL");
    return text.replace(text.find('?'), 1, base::hex(base::view_of(*bytes)));
  };
  std::string sql;
  for (const WatchedRow& row : rows) {
    sql += (sql.empty() ? "INSERT INTO " + table + " VALUES " : ",") + "(" +
           std::to_string(row.id) + "," + value(row.words, words) + "," + value(row.data, data) +
           ")";
  }
  return sql;
}

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
  // Another table, watched(id, words, data): its name in a backup, made with these rows, and how
  // bytes are shown there.
  virtual std::string make_watched(const std::vector<WatchedRow>& rows) = 0;
  virtual std::string shown_bytes(const std::string& bytes) const { return bytes; }
  // A table large(id) with the numbers from 1 to `count`, whole thousands, that is read in several
  // parts where the kind does that.
  virtual std::string make_large(int count) = 0;
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
    Client client(url.substr(std::string("sqlite://").size()));
    client.patience(1000);
    return client.ask("SELECT * FROM names ORDER BY id");
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
  std::string make_watched(const std::vector<WatchedRow>& rows) override {
    Client client(path());
    EXPECT_TRUE(client.run("CREATE TABLE watched(id INTEGER PRIMARY KEY, words TEXT, data BLOB);" +
                           insertion("watched", rows, "CAST(x'?' AS TEXT)", "x'?'")));
    return "watched";
  }
  std::string make_large(int count) override {
    EXPECT_TRUE(Client(path()).run(
        "CREATE TABLE large(id INTEGER PRIMARY KEY); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
        "SELECT i+1 FROM n WHERE i<" +
        std::to_string(count) + ") INSERT INTO large SELECT i FROM n"));
    return "large";
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
  std::string make_watched(const std::vector<WatchedRow>& rows) override {
    server().run("CREATE TABLE public.watched(id int PRIMARY KEY, words text, data bytea);" +
                     insertion("public.watched", rows, "convert_from('\\x?', 'UTF8')", "'\\x?'"),
                 name_);
    return "public.watched";
  }
  std::string shown_bytes(const std::string& bytes) const override {
    return "\\x" + base::hex(base::view_of(bytes));
  }
  // With few rows on a page, so that there is more than one range of pages.
  std::string make_large(int count) override {
    server().run(
        "CREATE TABLE public.large(id int PRIMARY KEY, filler text) WITH (fillfactor = 10);"
        "ALTER TABLE public.large ALTER filler SET STORAGE PLAIN;"
        "INSERT INTO public.large SELECT i, repeat('x', 250) FROM generate_series(1, " +
            std::to_string(count) + ") i",
        name_);
    return "public.large";
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
                 "CREATE VIEW few AS SELECT * FROM names WHERE id < 10");
    // Alone: with another statement behind it, MySQL stores the semicolon too.
    Connection session = server().session();
    EXPECT_TRUE(session.execute("USE " + name_));
    EXPECT_TRUE(session.execute(
        "CREATE TRIGGER kept BEFORE INSERT ON names FOR EACH ROW SET NEW.name = NEW.name"));
  }
  bool commit(int patience_milliseconds) override {
    Connection session = server().session();
    const std::string names = name_ + ".names";
    // Patience is for waiting, and MySQL works for most of a second on what comes then.
    session.limit(base::Deadline(std::chrono::milliseconds(std::max(patience_milliseconds, 500))));
    if (!session.execute("UPDATE " + names + " SET name = '' WHERE id < 0")) return false;
    session.limit(base::Deadline(work_max));
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
    const auto read = session->stream(
        "SELECT id, name FROM " + schema + ".names ORDER BY id", [&](const mysql::Cells& row) {
          rows += std::string(row.values[0]) + " " + row.values[1] + "\n";
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
      // A server that renames a table writes the heads of its triggers anew, with these.
      std::erase(dump, '`');
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
  std::string make_watched(const std::vector<WatchedRow>& rows) override {
    const std::string name = name_ + ".watched";
    server().run("CREATE TABLE " + name +
                 "(id int PRIMARY KEY, words mediumtext CHARACTER SET utf8mb4," +
                 "data longblob); " + insertion(name, rows, "x'?'", "x'?'"));
    return name;
  }
  std::string make_large(int count) override {
    const std::string name = name_ + ".large";
    const std::string names = name_ + ".names";
    server().run("CREATE TABLE " + name +
                 "(id int PRIMARY KEY) PARTITION BY KEY(id) PARTITIONS 5;" + "INSERT INTO " + name +
                 " SELECT a.id + (b.id - 1) * 1000 FROM " + names + " a JOIN " + names +
                 " b WHERE a.id <= 1000 AND b.id <= " + std::to_string(count / 1000));
    return name;
  }

 private:
  static constexpr std::chrono::seconds work_max{20};
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

inline const Case cases[] = {
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

// The steps of a restore before the switch.
inline Result<void> do_steps(Target& target, const Copy& copy, int steps) {
  if (steps > 0) TRY(stage_all(target, copy));
  if (steps > 1) TRY(target.verify({}));
  if (steps > 2) TRY(target.fence());
  return {};
}

}  // namespace stillpoint::database::testing

// SPDX-License-Identifier: Apache-2.0
// The promises of database/database.h and database/target.h, held against every kind of database.
#include <chrono>

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
};

class Conformance : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    fixture_ = GetParam().make();
    fixture_->create();
  }
  std::unique_ptr<Database> prepared() const {
    auto database = kind_of(fixture_->url()).value()->open({fixture_->url()}, {}).value();
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
  std::unique_ptr<Target> target(const std::string& url) const {
    return kind_of(url).value()->open_target({url}, {}).value();
  }
  std::unique_ptr<Fixture> fixture_;
};

class DatabasePromises : public Conformance {};
class TargetPromises : public Conformance {};

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
  std::stop_source stop;
  MemorySink sink;
  sink.during = [&] { stop.request_stop(); };
  EXPECT_EQ(database->read(objects.at(0).parts.at(0), sink, stop.get_token()).error().code,
            Errc::cancelled);
  EXPECT_EQ(database->count(objects, stop.get_token()).error().code, Errc::cancelled);
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

// The steps of a restore before the switch.
Result<void> do_steps(Target& target, const Copy& copy, int steps) {
  if (steps > 0) TRY(stage_all(target, copy));
  if (steps > 1) TRY(target.verify({}));
  if (steps > 2) TRY(target.fence());
  return {};
}

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
    Child restorer([&] {
      const auto place = target(fixture_->url());
      if (!do_steps(*place, copy, steps)) ::_exit(1);
      ::kill(::getpid(), SIGKILL);
    });
    EXPECT_TRUE(WIFSIGNALED(restorer.wait())) << steps;
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

// SPDX-License-Identifier: Apache-2.0
// The promises of database/database.h and database/target.h, held against every kind of database.
#include <algorithm>
#include <chrono>

#include "database_fixture.h"

namespace stillpoint::database {
namespace {

using namespace testing;

class DatabasePromises : public Conformance {};

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
    EXPECT_EQ(database->write_mark().has_value(), database->capabilities().write_mark);
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
  ASSERT_TRUE(database->capabilities().hold_writes);
  auto hold = database->hold_writes(tables, soon, std::chrono::seconds(20));
  ASSERT_TRUE(hold) << hold.error().message;
  EXPECT_FALSE(fixture_->commit(100));
  ASSERT_TRUE(database->open(soon));
  const auto released = (*hold)->release();
  EXPECT_TRUE(released) << released.error().message;
  EXPECT_EQ(fixture_->commit(1000), !database->capabilities().writers_wait);
}

TEST_P(DatabasePromises, SixAHoldLastsNoLongerThanItMay) {
  const auto database = prepared();
  auto hold = database->hold_writes({fixture_->table()}, base::Deadline(std::chrono::seconds(2)),
                                    std::chrono::milliseconds(300));
  ASSERT_TRUE(hold) << hold.error().message;
  EXPECT_TRUE(fixture_->commit(5000));
  EXPECT_FALSE((*hold)->release());
}

TEST_P(DatabasePromises, SixWhoIsInTheWayOfAHoldIsNamed) {
  Child locker(fixture_->locker());
  const auto database = prepared();
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
  if (!database->capabilities().write_mark) GTEST_SKIP() << "it does not claim to have one";
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

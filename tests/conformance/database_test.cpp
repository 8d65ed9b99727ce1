// SPDX-License-Identifier: Apache-2.0
// The promises of database/database.h and database/target.h, held against every kind of database.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <set>
#include <span>
#include <thread>

#include "base/guarded.h"
#include "base/text.h"
#include "database_fixture.h"

namespace stillpoint::database {
namespace {

using namespace testing;

class DatabasePromises : public Conformance {};

// What formats of rows trip over.
std::vector<WatchedRow> odd_rows() {
  std::string every_byte;
  for (int i = 0; i < 256; ++i) every_byte += static_cast<char>(i);
  std::vector<WatchedRow> rows = {{1, {}, {}},
                                  {2, "", ""},
                                  {3, "plain", "plain"},
                                  {4, "\\N", "\\N"},
                                  {5, "\\", "\t\n\r"},
                                  {6, "a\tb\nc\rd\\e\be\ff\vg", every_byte},
                                  {7, "\\.", {}},
                                  {8, "NULL", "NULL"},
                                  {9, "\xC3\xA4\xF0\x9F\x92\xB0'\"`", std::string(3, '\0')},
                                  {10, "\\\\N\\t\\n", "\\x00"},
                                  {11, "\n", "\\"},
                                  {-12, std::string(100'000, '\\'), std::string(100'000, '\n')}};
  return rows;
}

// For people, a line a row; long values by their beginning, length and hash.
std::string lines_of(const std::multiset<Values>& rows) {
  std::string text;
  for (const Values& row : rows) {
    for (const auto& value : row) {
      text += value ? "'" + base::printable(value->substr(0, 300)) + "' " : "null ";
      if (value && value->size() > 300) {
        text += std::to_string(value->size()) + " " +
                std::to_string(std::hash<std::string>()(*value)) + " ";
      }
    }
    text += "\n";
  }
  return text;
}

Result<void> ignore_rows(std::span<const Value> /*values*/) {
  return {};
}

// The rows that a watch has shown.
class Seen {
 public:
  std::function<Result<void>(std::span<const Value>)> collector() {
    return [this](std::span<const Value> values) -> Result<void> {
      Values row;
      for (const Value& value : values) {
        row.push_back(value ? std::optional<std::string>(*value) : std::nullopt);
      }
      rows_.with([&](auto& rows) { rows.insert(std::move(row)); });
      return {};
    };
  }
  std::multiset<Values> rows() const {
    return rows_.with([](const auto& rows) { return rows; });
  }

 private:
  base::Guarded<std::multiset<Values>> rows_;
};

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

TEST_P(DatabasePromises, SevenEveryRowOfAWatchedTableIsShownOnceWithItsValues) {
  const std::string table = fixture_->make_watched(odd_rows());
  std::multiset<Values> expected;
  for (const WatchedRow& row : odd_rows()) {
    expected.insert({row.data ? std::optional(fixture_->shown_bytes(*row.data)) : std::nullopt,
                     row.words, std::to_string(row.id)});
  }
  Seen seen;
  const auto database = prepared();
  // In another order than the table's.
  const auto watching = database->watch({{table, {"data", "words", "id"}, seen.collector()},
                                         {fixture_->table(), {"name"}, ignore_rows}});
  ASSERT_TRUE(watching) << watching.error().message;
  ASSERT_TRUE(database->open(base::Deadline(std::chrono::seconds(2))));
  EXPECT_TRUE(seen.rows().empty());
  copy_of(*database);
  EXPECT_EQ(lines_of(seen.rows()), lines_of(expected));
}

TEST_P(DatabasePromises, SevenAWatchedTableIsShownAsItWasAtOpening) {
  Seen seen;
  const auto database = prepared();
  ASSERT_TRUE(fixture_->commit(1000));  // before the opening: this is seen
  const std::string at_opening = fixture_->content(fixture_->url());
  ASSERT_TRUE(database->watch({{fixture_->table(), {"id", "name"}, seen.collector()}}));
  ASSERT_TRUE(database->open(base::Deadline(std::chrono::seconds(2))));
  EXPECT_EQ(fixture_->commit(0), !database->capabilities().writers_wait);
  copy_of(*database);
  std::map<int, std::string> by_id;
  for (const Values& row : seen.rows()) by_id[std::stoi(*row[0])] = *row[1];
  EXPECT_EQ(by_id.size(), seen.rows().size());
  std::map<int, std::string> expected;
  for (const std::string& line : base::split(at_opening, '\n')) {
    const std::size_t end = line.find_first_not_of("0123456789");
    if (end != std::string::npos) expected[std::stoi(line)] = line.substr(end + 1);
  }
  EXPECT_TRUE(by_id == expected);
}

TEST_P(DatabasePromises, SevenAlsoInSeveralPartsBySeveralReaders) {
  constexpr int count = 20'000;
  const std::string table = fixture_->make_large(count);
  std::vector<std::atomic<int>> shown(count + 1);
  const auto note = [&](std::span<const Value> values) -> Result<void> {
    ++shown.at(static_cast<std::size_t>(std::stoi(std::string(*values[0]))));
    return {};
  };
  const auto database = prepared();
  ASSERT_TRUE(database->watch({{table, {"id"}, note}}));
  ASSERT_TRUE(database->open(base::Deadline(std::chrono::seconds(2))));
  auto objects = database->objects().value();
  std::vector<Part> parts;
  std::size_t in_parts = 0;
  for (const Object& object : objects) {
    in_parts +=
        object.name == table || object.name.starts_with(table + ".") ? object.parts.size() : 0;
    parts.insert(parts.end(), object.parts.begin(), object.parts.end());
  }
  EXPECT_EQ(in_parts > 1, database->kind() != "sqlite") << in_parts;
  std::atomic<std::size_t> next = 0;
  {
    std::vector<std::jthread> readers;
    for (unsigned i = 0; i < database->capabilities().readers; ++i) {
      readers.emplace_back([&] {
        for (std::size_t at = next++; at < parts.size(); at = next++) {
          read_part(*database, parts[at]);
        }
      });
    }
  }
  ASSERT_TRUE(database->count(objects, {}));
  EXPECT_EQ(shown[0], 0);
  EXPECT_EQ(std::count(shown.begin() + 1, shown.end(), 0), 0);
  EXPECT_EQ(std::count(shown.begin() + 1, shown.end(), 1), count);
}

TEST_P(DatabasePromises, SevenWhatIsNotThereCannotBeWatchedOrLookedUp) {
  const auto database = prepared();
  const std::string table = fixture_->table();
  for (const auto& [wanted, column] : std::vector<std::pair<std::string, std::string>>{
           {table + "x", "id"}, {"", "id"}, {table, "idx"}, {table, ""}, {table, "id\"; '"}}) {
    EXPECT_EQ(database->watch({{wanted, {column}, ignore_rows}}).error().code, Errc::not_found);
    EXPECT_EQ(database->look_up(wanted, {"id", column}, 100'000).error().code, Errc::not_found);
  }
}

TEST_P(DatabasePromises, SevenAnErrorOfTheWatcherEndsTheReading) {
  const auto database = prepared();
  ASSERT_TRUE(database->watch({{fixture_->table(), {"id"}, [](auto) -> Result<void> {
                                  return fail(Errc::no_space, "enough");
                                }}}));
  ASSERT_TRUE(database->open(base::Deadline(std::chrono::seconds(2))));
  auto objects = database->objects().value();
  std::vector<Error> errors;
  for (const Object& object : objects) {
    for (const Part& part : object.parts) {
      MemorySink sink;
      const auto read = database->read(part, sink, {});
      if (!read) errors.push_back(read.error());
    }
  }
  const auto counted = database->count(objects, {});
  if (!counted) errors.push_back(counted.error());
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0].code, Errc::no_space);
  EXPECT_NE(errors[0].message.find("enough"), std::string::npos) << errors[0].message;
}

TEST_P(DatabasePromises, RowsOfSmallTablesAreLookedUp) {
  const std::string table = fixture_->make_watched(odd_rows());
  std::multiset<Values> expected;
  for (const WatchedRow& row : odd_rows()) {
    expected.insert({row.words, std::to_string(row.id),
                     row.data ? std::optional(fixture_->shown_bytes(*row.data)) : std::nullopt});
  }
  const auto database = prepared();
  const std::vector<std::string> columns = {"words", "id", "data"};
  const auto rows = database->look_up(table, columns, expected.size());
  ASSERT_TRUE(rows) << rows.error().message;
  EXPECT_EQ(lines_of({rows->begin(), rows->end()}), lines_of(expected));
  const auto too_many = database->look_up(table, columns, expected.size() - 1);
  EXPECT_EQ(too_many.error().code, Errc::invalid);
  EXPECT_NE(too_many.error().message.find("rows"), std::string::npos);
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

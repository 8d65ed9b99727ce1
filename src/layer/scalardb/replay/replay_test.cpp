// SPDX-License-Identifier: Apache-2.0
#include "layer/scalardb/replay/replay.h"

#include <map>
#include <optional>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"

namespace stillpoint::layer::scalardb {
namespace {

using ::testing::ElementsAre;
using Values = std::vector<std::optional<std::string>>;

constexpr std::int64_t now = 1'000'000;  // milliseconds since 1970

ReplayOptions options(std::size_t memory_bytes = 1 << 20) {
  return {std::filesystem::temp_directory_path(), memory_bytes,
          base::Time(std::chrono::milliseconds(now))};
}

void show(const database::Watch& watch, const Values& values) {
  const std::vector<database::Value> views(values.begin(), values.end());
  const auto shown = watch.row(views);
  ASSERT_TRUE(shown) << shown.error().message;
}

// A record as ScalarDB writes it, with key `key`. Of `before` only what recovery looks at.
struct Before {
  std::optional<std::string> id = {};
  std::string state = "3";
  std::int64_t version = 1;
};
Values record(const std::string& key, const std::string& id, const std::string& state,
              std::int64_t version, std::int64_t time, const std::optional<Before>& before = {}) {
  const std::string at = std::to_string(time);
  Values values = {id, state, std::to_string(version), at, std::nullopt};
  if (state == "3") values[4] = at;
  values.resize(9);
  if (before) {
    values[5] = before->id;
    if (before->id) values[6] = before->state;
    values[7] = std::to_string(before->version);
    if (before->id) values[8] = std::to_string(time - 1);
  }
  values.emplace_back(key);
  return values;
}

class ReplayTest : public ::testing::Test {
 protected:
  void state(const std::string& id, const std::string& state, std::int64_t time = 1) {
    show(coordinator_, {id, state, std::to_string(time)});
  }
  void row(const Values& values) { show(records_, values); }
  ReplayReport judged() {
    auto report = replay_.judge();
    EXPECT_TRUE(report);
    return report.value_or(ReplayReport{});
  }
  void only(Wrong wrong) {
    const ReplayReport report = judged();
    ASSERT_EQ(report.suspects.size(), 1U);
    EXPECT_EQ(name_of(report.suspects[0].wrong), name_of(wrong));
    EXPECT_EQ(report.suspects[0].record, key_of("k"));
    EXPECT_EQ(report.count(wrong), 1U);
  }
  static std::uint64_t key_of(const std::string& key) {
    const database::Value value = key;
    return record_hash("bank.accounts", {&value, 1});
  }

  Replay replay_{options()};
  const database::Watch coordinator_ = replay_.coordinator("coordinator.state", false);
  const database::Watch records_ = replay_.records("accounts", "bank.accounts", {"id"});
};

TEST_F(ReplayTest, NothingIsNothing) {
  const ReplayReport report = judged();
  EXPECT_EQ(report.records + report.states + report.suspects.size(), 0U);
}

TEST_F(ReplayTest, UnfinishedRecordsGoAsTheirTransactionWent) {
  state("c", "3");
  state("a", "4");
  row(record("1", "c", "1", 1, now));
  row(record("2", "c", "2", 6, now, Before{"c", "3", 5}));
  row(record("3", "a", "1", 1, now));
  row(record("4", "x", "1", 1, now - 15'001));
  row(record("5", "y", "2", 1, now - 15'000));
  row(record("6", "c", "3", 7, now));
  row({std::nullopt, std::nullopt, {}, {}, {}, {}, {}, {}, {}, "7"});
  const ReplayReport report = judged();
  EXPECT_EQ(report.states, 2U);
  EXPECT_EQ(report.records, 6U);
  EXPECT_EQ(report.imported, 1U);
  EXPECT_EQ(report.forward, 2U);
  EXPECT_EQ(report.back, 1U);
  EXPECT_EQ(report.expired, 1U);
  EXPECT_EQ(report.unresolvable, 1U);
  EXPECT_EQ(report.committed, 1U);
  EXPECT_TRUE(report.suspects.empty());
}

TEST_F(ReplayTest, AnImportedImageHasVersionZero) {
  state("c", "3");
  row(record("k", "c", "1", 1, now, Before{std::nullopt, "", 0}));
  EXPECT_TRUE(judged().suspects.empty());
}

TEST_F(ReplayTest, CommittedBesidePreparedIsTorn) {
  state("old", "3");
  row(record("k", "t", "3", 1, now));
  row(record("other", "t", "1", 1, now));
  only(Wrong::torn);
}

TEST_F(ReplayTest, CommittedThoughAborted) {
  state("t", "4");
  row(record("k", "t", "3", 1, now));
  only(Wrong::aborted);
}

TEST_F(ReplayTest, CommittedWithoutAState) {
  state("old", "3", now - 10);
  row(record("k", "t", "3", 1, now - 9));
  row(record("older", "u", "3", 1, now - 11));
  only(Wrong::without_state);
}

TEST_F(ReplayTest, MadeFromAnAbortedImage) {
  state("t", "3");
  state("b", "4");
  row(record("k", "t", "1", 2, now, Before{"b", "3", 1}));
  only(Wrong::before_aborted);
}

TEST_F(ReplayTest, MadeFromAnImageWithoutAState) {
  state("t", "3");
  row(record("k", "t", "1", 2, now, Before{"b", "3", 1}));
  only(Wrong::before_without_state);
}

TEST_F(ReplayTest, MadeFromAnImageThatWasNotCommitted) {
  state("t", "3");
  state("b", "3");
  row(record("k", "t", "1", 2, now, Before{"b", "1", 1}));
  only(Wrong::state);
}

TEST_F(ReplayTest, AStateOfNoRecord) {
  state("t", "3");
  row(record("k", "t", "4", 1, now));
  only(Wrong::state);
}

TEST_F(ReplayTest, AVersionThatDoesNotFollow) {
  state("t", "3");
  row(record("k", "t", "1", 3, now, Before{"t", "3", 1}));
  only(Wrong::version);
}

TEST_F(ReplayTest, AnImageThatShouldBeGone) {
  state("t", "3");
  row(record("k", "t", "3", 2, now, Before{"t", "3", 1}));
  only(Wrong::image);
}

TEST_F(ReplayTest, NamesTheFirstAndCountsAll) {
  state("t", "4");
  for (int i = 0; i < 100; ++i) row(record(std::to_string(i), "t", "3", 1, now));
  const ReplayReport report = judged();
  EXPECT_EQ(report.count(Wrong::aborted), 100U);
  EXPECT_EQ(report.suspects.size(), 20U);
}

TEST(ReplayOfGroups, GoesByTheChildrenOfARow) {
  const std::string parent(24, 'p');
  Replay replay(options());
  const auto coordinator = replay.coordinator("coordinator.state", true);
  const auto records = replay.records("accounts", "bank.accounts", {"id"});
  show(coordinator, {parent, "3", "1", "a,b"});
  show(coordinator, {parent + "$late", "4", "1", ""});
  show(coordinator, {std::string(24, 'q'), "4", "1", ""});         // a mere mark:
  show(coordinator, {std::string(24, 'q') + "$x", "3", "1", ""});  // its child was late
  show(records, record("1", parent + "$a", "1", 1, now));
  show(records, record("2", parent + "$b", "1", 1, now));
  show(records, record("3", parent + "$late", "1", 1, now));
  show(records, record("4", std::string(24, 'q') + "$x", "1", 1, now));
  show(records, record("5", parent + "$none", "1", 1, now));
  const auto report = replay.judge();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->forward, 3U);
  EXPECT_EQ(report->back, 1U);
  EXPECT_EQ(report->unresolvable, 1U);
}

TEST(RecordHash, TellsKeysApart) {
  const auto hash = [](std::vector<database::Value> keys) { return record_hash("t", keys); };
  EXPECT_NE(hash({"a", "bc"}), hash({"ab", "c"}));
  EXPECT_NE(hash({"a"}), hash({"a", std::nullopt}));
  EXPECT_NE(hash({""}), hash({std::nullopt}));
  EXPECT_NE(record_hash("t", {}), record_hash("u", {}));
}

// Random states and records, judged by a model that has all in memory.
class Model {
 public:
  explicit Model(std::uint64_t seed) : random_(seed) {}

  void run(std::size_t memory_bytes) {
    Replay replay(options(memory_bytes));
    const auto coordinator = replay.coordinator("coordinator.state", false);
    const auto records = replay.records("accounts", "bank.accounts", {"id"});
    const auto ids = 1 + random_.below(200);
    const auto count = random_.below(400);
    for (std::uint64_t i = 0; i < ids; ++i) {
      const auto state = random_.below(3);
      if (state == 0) continue;
      states_[name(i)] = state == 1;
      oldest_ = 1;
      show(coordinator, {name(i), state == 1 ? "3" : "4", "1"});
    }
    std::vector<Values> rows;
    for (std::uint64_t i = 0; i < count; ++i) {
      rows.push_back(random_row(std::to_string(i), ids));
      show(records, rows.back());
    }
    const auto report = replay.judge();
    ASSERT_TRUE(report);
    compare(rows, *report);
  }

 private:
  static std::string name(std::uint64_t i) { return fmt::format("transaction-{}", i); }

  Values random_row(const std::string& key, std::uint64_t ids) {
    const std::string id = name(random_.below(ids));
    const std::string state = std::to_string(1 + random_.below(3));
    const std::int64_t time = now - static_cast<std::int64_t>(random_.below(30'000));
    if (state == "3" || random_.below(2) == 0) return record(key, id, state, 1, time);
    return record(key, id, state, 2, time, Before{name(random_.below(ids)), "3", 1});
  }

  void compare(const std::vector<Values>& rows, const ReplayReport& report) const {
    std::map<std::string, std::uint64_t> expected;
    for (const Values& row : rows) {
      const bool finished = row[1] == "3";
      finished ? add_finished(expected, rows, *row[0], false) : add_unfinished(expected, row);
      if (row[5]) add_finished(expected, rows, *row[5], true);
    }
    std::map<std::string, std::uint64_t> found = {{"committed", report.committed},
                                                  {"forward", report.forward},
                                                  {"back", report.back},
                                                  {"expired", report.expired},
                                                  {"unresolvable", report.unresolvable}};
    for (std::size_t i = 0; i < report.wrong.size(); ++i) {
      found[std::string(name_of(static_cast<Wrong>(i)))] = report.wrong[i];
    }
    found["older"] = report.older_than_states;
    std::erase_if(found, [](const auto& entry) { return entry.second == 0; });
    EXPECT_EQ(found, expected);
  }

  void add_unfinished(std::map<std::string, std::uint64_t>& expected, const Values& row) const {
    const auto state = states_.find(*row[0]);
    const bool is_expired = now > std::stoll(*row[3]) + 15'000;
    if (state == states_.end()) {
      ++expected[is_expired ? "expired" : "unresolvable"];
    } else {
      ++expected[state->second ? "forward" : "back"];
    }
  }

  void add_finished(std::map<std::string, std::uint64_t>& expected, const std::vector<Values>& rows,
                    const std::string& id, bool before) const {
    const auto state = states_.find(id);
    const bool torn = std::any_of(rows.begin(), rows.end(),
                                  [&](const Values& row) { return row[0] == id && row[1] != "3"; });
    if (state != states_.end()) {
      if (!state->second) ++expected[before ? "before_aborted" : "aborted"];
      if (state->second && !before) ++expected["committed"];
    } else if (torn) {
      ++expected["torn"];
    } else if (oldest_) {
      ++expected[before ? "before_without_state" : "without_state"];
    } else {
      ++expected["older"];
    }
  }

  base::Random random_;
  std::map<std::string, bool> states_;  // whether committed
  std::optional<std::int64_t> oldest_;
};

TEST(ReplayOfRandomRecords, JudgesAsAModelDoesWithAnyMemory) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Model(seed).run(std::size_t{64} << (seed % 10));
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace stillpoint::layer::scalardb

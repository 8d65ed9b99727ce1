// SPDX-License-Identifier: Apache-2.0
#include "layer/scalardb/proof.h"

#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"

namespace stillpoint::layer::scalardb {
namespace {

using database::Value;
using database::Values;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::Matcher;
using ::testing::Not;
using Weight = Finding::Weight;
using std::chrono::milliseconds;
using std::chrono::seconds;

const base::Time begin = base::parse_time("2026-11-21T08:30:00Z").value();

std::string at(milliseconds after_begin) {
  const auto time = std::chrono::floor<milliseconds>(begin + after_begin);
  return std::to_string(time.time_since_epoch().count());
}

const std::string ten_seconds_before = at(seconds(-10));
const std::string recently = at(seconds(-1));

Cut gate() {
  return {begin, begin + milliseconds(5), false};
}
Cut pause() {
  return {begin, begin + seconds(5), true};
}

Result<void> show(const database::Watch& watch, const Values& row) {
  std::vector<Value> values;
  for (const auto& one : row) values.push_back(one ? Value(*one) : std::nullopt);
  EXPECT_EQ(values.size(), watch.columns.size());
  return watch.row(values);
}

// A coordinator and a table of accounts with one key.
class Watched {
 public:
  explicit Watched(const Cut& cut = gate(), ProofOptions options = {}) : proof_(options) {
    proof_.opened(cut);
  }
  void state(const std::string& id, const std::string& state, const std::string& created = recently,
             const std::optional<std::string>& children = {}) {
    EXPECT_TRUE(show(coordinator_, {id, state, created, children}));
  }
  // In the second snapshot.
  void state_again(const std::string& id, const std::string& state,
                   const std::string& created = recently,
                   const std::optional<std::string>& children = {}) {
    EXPECT_TRUE(show(again_, {id, state, created, children}));
  }
  void committed(const std::string& key, const std::string& id,
                 const std::string& prepared_at = recently,
                 const std::string& committed_at = at(milliseconds(-900))) {
    record({id, "3", prepared_at, committed_at, {}, {}, {}, key});
  }
  void prepared(const std::string& key, const std::string& id, const std::string& prepared_at,
                const std::string& state = "1") {
    record({id, state, prepared_at, {}, {}, {}, {}, key});
  }
  void record(const Values& row) { EXPECT_TRUE(show(records_, row)); }
  std::vector<Finding> judge() { return proof_.judge(); }
  Proof& proof() { return proof_; }

 private:
  Proof proof_;
  database::Watch coordinator_ = proof_.coordinator("c", "coordinator.state", true);
  database::Watch again_ = proof_.coordinator_again("c", "coordinator.state", true);
  database::Watch records_ = proof_.records("t", "bank.accounts", {"id"});
};

Matcher<Finding> finding(Weight weight, const std::string& kind, const Matcher<std::string>& text) {
  return AllOf(Field(&Finding::weight, weight), Field(&Finding::kind, kind),
               Field(&Finding::text, text));
}
Matcher<Finding> all_have_rows(int count) {
  return finding(Weight::speaks_for, "coordinator_rows",
                 "all " + std::to_string(count) +
                     " records that were committed in the 5 min 00 s before have their rows in "
                     "the captured coordinator");
}
Matcher<Finding> without_row(const Matcher<std::string>& text) {
  return finding(Weight::leaves_doubt, "coordinator_rows",
                 AllOf(HasSubstr("without a row in the captured coordinator"), text));
}

TEST(Proof, AsksForWhatItNeeds) {
  Proof proof{ProofOptions()};
  EXPECT_THAT(proof.coordinator("c", "x", false).columns,
              ElementsAre("tx_id", "tx_state", "tx_created_at"));
  EXPECT_THAT(proof.coordinator("c", "x", true).columns,
              ElementsAre("tx_id", "tx_state", "tx_created_at", "tx_child_ids"));
  const auto records = proof.records("t", "x", {"a", "b"});
  EXPECT_EQ(records.table, "t");
  EXPECT_THAT(records.columns,
              ElementsAre("tx_id", "tx_state", "tx_prepared_at", "tx_committed_at", "before_tx_id",
                          "before_tx_prepared_at", "before_tx_committed_at", "a", "b"));
}

TEST(Proof, EveryRecentRecordHasItsRowInAnyOrder) {
  Watched watched;
  watched.state("T1", "3");
  watched.committed("1", "T1");
  watched.committed("2", "T2");
  watched.state("T2", "3");
  EXPECT_THAT(watched.judge(), ElementsAre(all_have_rows(2)));
}

TEST(Proof, ARecordWithoutItsRowIsNamed) {
  Watched watched;
  watched.committed("17", "T1");
  EXPECT_THAT(watched.judge(),
              ElementsAre(without_row(HasSubstr("record 17 of bank.accounts, transaction T1"))));
}

TEST(Proof, ThreeAreNamedAndTheOthersCounted) {
  Watched watched;
  for (int i = 1; i <= 5; ++i) watched.committed(std::to_string(i), "T" + std::to_string(i));
  EXPECT_THAT(watched.judge(),
              ElementsAre(without_row(AllOf(HasSubstr("record 3 of"), Not(HasSubstr("record 4 of")),
                                            HasSubstr("; and 2 more")))));
}

TEST(Proof, WhatOnlyTheSecondSnapshotHasWasCommittedMeanwhile) {
  for (const Cut& cut : {gate(), pause()}) {
    Watched watched(cut);
    watched.state("T1", "3");
    watched.state("group", "3", recently, "a,b");
    watched.state_again("T1", "3");
    watched.state_again("group", "3", recently, "a,b");
    EXPECT_THAT(watched.judge(), Each(Field(&Finding::weight, Weight::speaks_for)));
    watched.state_again("T2", "3");
    watched.state_again("later", "3", recently, "a,b");
    EXPECT_THAT(watched.judge(),
                Contains(finding(Weight::contradicts_cut, "coordinator_unchanged",
                                 AllOf(HasSubstr("transaction T2 in coordinator.state"),
                                       HasSubstr("later$a"), HasSubstr("later$b")))));
  }
}

TEST(Proof, AbortsMeanwhileAndOldStatesDoNoHarm) {
  Watched watched;
  watched.state_again("T1", "4");
  watched.state_again("old", "3", at(std::chrono::hours(-1)));
  EXPECT_THAT(watched.judge(), Each(Field(&Finding::weight, Weight::speaks_for)));
}

TEST(Proof, NamesAreShortAndPrintable) {
  Watched watched;
  watched.committed("\x1b" + std::string(1000, 'k'), std::string(1000, 'i'));
  const auto findings = watched.judge();
  EXPECT_THAT(findings, ElementsAre(without_row(AllOf(HasSubstr("\\x1b"), HasSubstr("kkk...")))));
  EXPECT_LT(findings[0].text.size(), 400U);
}

TEST(Proof, ACommittedRecordOfAnAbortedTransactionContradicts) {
  const auto contradiction =
      finding(Weight::contradicts_cut, "coordinator_rows",
              AllOf(HasSubstr("aborted"), HasSubstr("record 1 of bank.accounts, transaction T1")));
  Watched before;
  before.state("T1", "4");
  before.committed("1", "T1");
  EXPECT_THAT(before.judge(), ElementsAre(contradiction));
  Watched after(gate(), {.one_phase_commit = true});
  after.committed("1", "T1", recently, recently);
  after.state("T1", "4");
  EXPECT_THAT(after.judge(), ElementsAre(contradiction));
}

TEST(Proof, WhatIsOldOrWasImportedIsNotLookedAt) {
  Watched watched;
  watched.committed("1", "T1", at(seconds(-302)), at(seconds(-301)));
  watched.record({{}, {}, {}, {}, {}, {}, {}, "2"});
  watched.record({"T3", {}, {}, {}, {}, {}, {}, "3"});
  EXPECT_THAT(watched.judge(), ElementsAre(all_have_rows(0)));
  Watched recent;
  recent.committed("1", "T1", at(seconds(-300)), at(seconds(-299)));
  EXPECT_THAT(recent.judge(), ElementsAre(without_row(HasSubstr("T1"))));
}

TEST(Proof, AnOldStateBelongsToARecordThatWasMarkedMuchLater) {
  Watched watched;
  watched.state("T1", "3", at(std::chrono::minutes(-9)));
  watched.committed("1", "T1", at(std::chrono::minutes(-10)), recently);
  EXPECT_THAT(watched.judge(), ElementsAre(all_have_rows(1)));
}

// A reader that recovers a record for itself gives it the time at which it does that.
TEST(Proof, WhatWasPreparedLongAgoIsNotBlamed) {
  Watched watched;
  watched.committed("1", "T1", at(std::chrono::minutes(-20)), recently);
  EXPECT_THAT(watched.judge(),
              ElementsAre(finding(Weight::speaks_for, "coordinator_rows",
                                  HasSubstr("but for 1 that had been prepared long before"))));
}

TEST(Proof, PreparedRecordsNeedNoState) {
  Watched watched;
  watched.prepared("1", "T1", recently);
  watched.prepared("2", "T2", recently, "2");
  watched.prepared("3", "T3", recently);
  watched.state("T3", "3");
  watched.prepared("4", "T4", recently);
  watched.state("T4", "4");
  EXPECT_THAT(watched.judge(), ElementsAre(all_have_rows(0)));
}

TEST(Proof, WhatAPreparedRecordWasMadeFromNeedsItsRowToo) {
  for (const char* state : {"1", "2"}) {
    Watched watched;
    watched.record({"T2", state, recently, {}, "T1", recently, recently, "1"});
    watched.state("T2", "3");
    EXPECT_THAT(watched.judge(),
                ElementsAre(without_row(HasSubstr("record 1 of bank.accounts, transaction T1"))));
  }
  Watched with_row;
  with_row.record({"T2", "1", recently, {}, "T1", recently, recently, "1"});
  with_row.state("T1", "3");
  EXPECT_THAT(with_row.judge(), ElementsAre(all_have_rows(1)));
}

TEST(Proof, ATransactionOfWhichOnlyAPartIsCommittedIsTorn) {
  const auto torn = finding(
      Weight::contradicts_cut, "coordinator_rows",
      AllOf(HasSubstr("only prepared"), HasSubstr("record 1 of"), Not(HasSubstr("record 2 of"))));
  for (const bool one_phase_commit : {false, true}) {
    Watched watched(gate(), {.one_phase_commit = one_phase_commit});
    watched.committed("1", "T1", recently, recently);
    watched.prepared("2", "T1", recently);
    EXPECT_THAT(watched.judge(), ElementsAre(torn));
  }
  Watched whole;
  whole.committed("1", "T1");
  whole.prepared("2", "T1", recently);
  whole.state("T1", "3");
  EXPECT_THAT(whole.judge(), ElementsAre(all_have_rows(1)));
}

const std::string group = "XCUh0mTpzpLbJNRtvC2Kh1d9";

TEST(Proof, AGroupsRowSpeaksForTheChildrenInItsList) {
  Watched watched;
  watched.state(group, "3", recently, "a,b");
  watched.committed("1", group + "$a");
  watched.committed("2", group + "$b");
  EXPECT_THAT(watched.judge(), ElementsAre(all_have_rows(2)));
  Watched other;
  other.state(group, "3", recently, "a,b");
  other.committed("1", group + "$c");
  EXPECT_THAT(other.judge(), ElementsAre(without_row(HasSubstr(group + "$c"))));
}

TEST(Proof, AChildThatWasLateHasARowOfItsOwn) {
  Watched watched;
  watched.state(group, "3", recently, "a");
  watched.committed("1", group + "$late");
  watched.state(group + "$late", "3");
  EXPECT_THAT(watched.judge(), ElementsAre(all_have_rows(1)));
}

TEST(Proof, AnAbortedGroupWithoutChildrenSaysNothingOfThem) {
  Watched watched;
  watched.state(group, "4", recently, "");
  watched.state(group + "$a", "3");
  watched.committed("1", group + "$a");
  EXPECT_THAT(watched.judge(), ElementsAre(all_have_rows(1)));
  Watched alone;
  alone.state(group, "4", recently);
  alone.committed("1", group + "$a");
  EXPECT_THAT(alone.judge(), ElementsAre(without_row(HasSubstr("$a"))));
  Watched aborted;
  aborted.state(group, "4", recently);
  aborted.state(group + "$a", "4", recently);
  aborted.committed("1", group + "$a");
  EXPECT_THAT(aborted.judge(),
              ElementsAre(finding(Weight::contradicts_cut, "coordinator_rows", HasSubstr("$a"))));
}

TEST(Proof, TheListOfTheGroupGoesBeforeARowOfTheChildsOwn) {
  for (const bool own_first : {false, true}) {
    Watched watched;
    if (own_first) watched.state(group + "$a", "4");
    watched.state(group, "3", recently, "a");
    if (!own_first) watched.state(group + "$a", "4");
    watched.committed("1", group + "$a");
    EXPECT_THAT(watched.judge(), ElementsAre(all_have_rows(1)));
  }
}

TEST(Proof, OnePhaseCommitIsExpectedWhereItIsOn) {
  Watched watched(gate(), {.one_phase_commit = true});
  watched.committed("1", "T1", recently, recently);
  watched.committed("2", "T2", recently, recently);
  watched.committed("3", "T3");
  watched.state("T3", "3");
  EXPECT_THAT(watched.judge(),
              ElementsAre(finding(Weight::speaks_for, "coordinator_rows",
                                  AllOf(HasSubstr("all 1 records"),
                                        HasSubstr("2 records were committed in one phase")))));
  // That writes both times at once.
  Watched two_phases(gate(), {.one_phase_commit = true});
  two_phases.committed("1", "T1", recently, at(milliseconds(-999)));
  EXPECT_THAT(two_phases.judge(), ElementsAre(without_row(HasSubstr("T1"))));
}

TEST(Proof, OnePhaseCommitThatNobodyToldOfIsNamed) {
  Watched watched;
  watched.committed("1", "T1", recently, recently);
  EXPECT_THAT(watched.judge(), ElementsAre(without_row(HasSubstr("one_phase_commit.enabled"))));
  Watched mixed;
  mixed.committed("1", "T1", recently, recently);
  mixed.committed("2", "T2");
  EXPECT_THAT(mixed.judge(), ElementsAre(without_row(HasSubstr("another coordinator"))));
}

Matcher<Finding> nothing_later() {
  return finding(Weight::speaks_for, "prepared_records",
                 "nothing was prepared or committed later than 1.0 s after the pause began");
}
Matcher<Finding> too_new(const Matcher<std::string>& text) {
  return finding(Weight::contradicts_cut, "newer_than_pause",
                 AllOf(HasSubstr("prepared or committed later than the pause began"), text));
}

TEST(Proof, NothingIsPreparedInsideAPause) {
  for (const char* state : {"1", "2"}) {
    Watched watched(pause());
    watched.prepared("1", "T1", at(milliseconds(1001)), state);
    EXPECT_THAT(watched.judge(),
                ElementsAre(too_new(HasSubstr("record 1 of bank.accounts, transaction T1")),
                            all_have_rows(0)));
    Watched in_time(pause());
    in_time.prepared("1", "T1", at(milliseconds(1000)), state);
    EXPECT_THAT(in_time.judge(), ElementsAre(nothing_later(), all_have_rows(0)));
  }
  Watched gated(gate());
  gated.prepared("1", "T1", at(milliseconds(1001)));
  EXPECT_THAT(gated.judge(), ElementsAre(all_have_rows(0)));
}

TEST(Proof, NothingIsCommittedInsideAPause) {
  Watched watched(pause());
  watched.state("T1", "3", at(milliseconds(1001)));
  EXPECT_THAT(
      watched.judge(),
      ElementsAre(too_new(HasSubstr("transaction T1 in coordinator.state")), all_have_rows(0)));
  Watched in_time(pause());
  in_time.state("T1", "3", at(milliseconds(1000)));
  EXPECT_THAT(in_time.judge(), ElementsAre(nothing_later(), all_have_rows(0)));
}

TEST(Proof, RecordsAreMarkedAsCommittedInsideAPause) {
  Watched watched(pause());
  watched.committed("1", "T1", recently, at(seconds(4)));
  watched.state("T1", "3");
  EXPECT_THAT(watched.judge(), ElementsAre(nothing_later(), all_have_rows(1)));
}

TEST(Proof, AnAbortInsideAPauseLeavesDoubtOnly) {
  Watched watched(pause());
  watched.state("T1", "4", at(seconds(4)));
  EXPECT_THAT(watched.judge(), ElementsAre(finding(Weight::leaves_doubt, "newer_than_pause",
                                                   HasSubstr("T1 in coordinator.state")),
                                           all_have_rows(0)));
}

TEST(Proof, APauseThatIsShorterThanClocksDifferShowsNothing) {
  Watched watched({begin, begin + milliseconds(900), true});
  EXPECT_THAT(watched.judge(), ElementsAre(all_have_rows(0)));
  Watched wide(pause(), {.clock_bound = milliseconds(2000)});
  wide.prepared("1", "T1", at(milliseconds(1900)));
  EXPECT_THAT(wide.judge(),
              ElementsAre(finding(Weight::speaks_for, "prepared_records", HasSubstr("2.0 s")),
                          all_have_rows(0)));
}

// One transaction each 100 ms, up to the cut.
std::string time_of(int number, int count) {
  return at(milliseconds(100) * (number - count));
}

TEST(Proof, OfTooManyStatesTheRecentOnesAreCompared) {
  constexpr int count = 2000;
  for (const bool one_missing : {false, true}) {
    Watched watched(gate(), {.states_max = 500});
    for (int i = 0; i < count; ++i) {
      if (i == count - 1 && one_missing) continue;
      watched.state("T" + std::to_string(i), "3", time_of(i, count));
    }
    for (int i = 0; i < count; ++i) {
      watched.committed(std::to_string(i), "T" + std::to_string(i), time_of(i, count),
                        time_of(i, count));
    }
    if (one_missing) {
      EXPECT_THAT(watched.judge(),
                  ElementsAre(without_row(AllOf(HasSubstr("T1999"), Not(HasSubstr("more"))))));
    } else {
      EXPECT_THAT(watched.judge(),
                  ElementsAre(finding(
                      Weight::speaks_for, "coordinator_rows",
                      AllOf(HasSubstr("too many to look further back"), Not(HasSubstr("5 min"))))));
    }
  }
}

TEST(Proof, OfTooManyRecordsTheRecentOnesAreCompared) {
  constexpr int count = 2000;
  for (const bool one_missing : {false, true}) {
    Watched watched(gate(), {.waiting_max = 500});
    for (int i = 0; i < count; ++i) {
      watched.committed(std::to_string(i), "T" + std::to_string(i), time_of(i, count),
                        time_of(i, count));
    }
    for (int i = 0; i < count; ++i) {
      if (i != count - 2 || !one_missing) {
        watched.state("T" + std::to_string(i), "3", time_of(i, count));
      }
    }
    if (one_missing) {
      EXPECT_THAT(watched.judge(),
                  ElementsAre(without_row(AllOf(HasSubstr("T1998"), Not(HasSubstr("more"))))));
    } else {
      EXPECT_THAT(watched.judge(),
                  ElementsAre(finding(Weight::speaks_for, "coordinator_rows",
                                      HasSubstr("too many to look further back"))));
    }
  }
}

TEST(Proof, RecordsWhoseStatesHaveComeDoNotWait) {
  constexpr int count = 2000;
  Watched watched(gate(), {.waiting_max = 10});
  for (int i = 0; i < count; ++i) {
    watched.committed(std::to_string(i), "T" + std::to_string(i), time_of(i, count),
                      time_of(i, count));
    watched.state("T" + std::to_string(i), "3", time_of(i, count));
  }
  EXPECT_THAT(watched.judge(), ElementsAre(finding(Weight::speaks_for, "coordinator_rows",
                                                   HasSubstr("all 2,000 records that were "
                                                             "committed in the 5 min"))));
}

TEST(Proof, OfTooManyRecordsTheRecentOnesKeepTheirNames) {
  constexpr int count = 2000;
  Watched watched(gate(), {.texts_max = 100});
  for (int i = 0; i < count; ++i) {
    watched.committed(std::to_string(i), "T" + std::to_string(i), time_of(i, count),
                      time_of(i, count));
  }
  for (int i = 10; i < count - 1; ++i)
    watched.state("T" + std::to_string(i), "3", time_of(i, count));
  EXPECT_THAT(watched.judge(),
              ElementsAre(without_row(
                  AllOf(HasSubstr("is record 1999 of bank.accounts, transaction T1999; a record of "
                                  "bank.accounts; a record of bank.accounts; and 8 more")))));
}

TEST(Proof, WhereTooLittleCanBeComparedThereIsDoubt) {
  constexpr int count = 2000;
  Watched watched(gate(), {.states_max = 30});
  for (int i = 0; i < count; ++i) {
    watched.state("T" + std::to_string(i), "3", time_of(i, count));
    watched.committed(std::to_string(i), "T" + std::to_string(i), time_of(i, count),
                      time_of(i, count));
  }
  EXPECT_THAT(watched.judge(), ElementsAre(finding(Weight::leaves_doubt, "coordinator_rows",
                                                   HasSubstr("too many transactions"))));
}

TEST(Proof, RowsDoNotComeBeforeTheOpening) {
  Proof proof{ProofOptions()};
  const auto coordinator = proof.coordinator("c", "coordinator.state", false);
  EXPECT_EQ(show(coordinator, {"T1", "3", recently}).error().code, Errc::internal);
  EXPECT_EQ(show(proof.records("t", "t", {}), Values(7)).error().code, Errc::internal);
  proof.opened(gate());
  EXPECT_TRUE(show(coordinator, {"T1", "3", recently}));
}

TEST(Proof, TheLastOpeningCounts) {
  Proof proof{ProofOptions()};
  proof.opened({begin - std::chrono::hours(1), begin - std::chrono::hours(1), true});
  proof.opened(gate());
  EXPECT_TRUE(show(proof.records("t", "t", {}), {"T1", "1", recently, {}, {}, {}, {}}));
  EXPECT_THAT(proof.judge(), ElementsAre(all_have_rows(0)));
}

TEST(Proof, OddValuesDoNoHarm) {
  Watched watched;
  watched.record({"T1", "3", "x", "y", "z", "", "99999999999999999999", "k"});
  watched.record({"T1", "3", {}, recently, {}, {}, {}, {}});
  watched.record({"T2", "9", recently, recently, {}, {}, {}, {}});
  watched.state("", "", "");
  watched.state("T3", "5", recently, ",,");
  EXPECT_EQ(watched.judge().size(), 1U);
}

TEST(Proof, IsShownRowsBySeveralThreads) {
  constexpr int each = 2000;
  Watched watched;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&, thread] {
        for (int i = 0; i < each; ++i) {
          const std::string id = "T" + std::to_string(i);
          if (thread == 0) {
            watched.state(id, "3");
          } else {
            watched.committed(std::to_string(thread), id);
          }
        }
      });
    }
  }
  EXPECT_THAT(watched.judge(),
              ElementsAre(finding(Weight::speaks_for, "coordinator_rows",
                                  HasSubstr("all 6,000 records that were committed"))));
}

}  // namespace
}  // namespace stillpoint::layer::scalardb

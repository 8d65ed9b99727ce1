// SPDX-License-Identifier: Apache-2.0
#include "backup/forget.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "repository/check.h"
#include "repository/testing.h"
#include "storage/decorators/faulty.h"

namespace stillpoint::backup {
namespace {

using repository::FileKind;
using repository::Record;
using repository::Repository;

const base::Time first_day = base::parse_time("2026-11-01T02:30:00Z").value();
const base::Time now = base::parse_time("2026-12-01T00:00:00Z").value();

class ForgetTest : public ::testing::Test {
 protected:
  std::unique_ptr<storage::Backend> backend() const {
    return std::move(*storage::open("memory:" + name_));
  }

  // A repository with one tree, which all records name.
  void SetUp() override {
    name_ = "forget-" + base::random_token();
    repository_ = repository::init_test_repository(backend());
    const Record made =
        repository::back_up_bytes(*repository_, repository::random_bytes(1, 1000)).value();
    tree_ = made.tree;
    ASSERT_TRUE(repository_->remove_file(FileKind::record, made.id));
  }

  // The backup of a day, which is called by that day's number.
  Id add(int day, const std::string& system = "bank",
         const std::vector<std::string>& tags = {"stillpoint", "proven"}) {
    Record record = repository::test_record();
    record.time = first_day + std::chrono::hours(24 * day);
    record.tree = tree_;
    record.hostname = system;
    record.paths = {"/stillpoint/" + system};
    record.tags = tags;
    const Id id = repository_->save_file(FileKind::record, encode_record(record)).value();
    ids_[id] = day;
    return id;
  }
  void add_days(int count) {
    for (int day = 0; day < count; ++day) add(day);
  }

  Result<ForgetPlan> plan(const ForgetRequest& request) const {
    return plan_forget(*repository_, request, now, {});
  }
  static ForgetRequest keep_last(int count) {
    ForgetRequest request;
    request.retention.last = count;
    return request;
  }
  std::vector<int> days_to_forget(const ForgetRequest& request) const {
    const auto planned = plan(request);
    EXPECT_TRUE(planned) << planned.error().message;
    std::vector<int> days;
    if (!planned) return days;
    for (const Listed& backup : planned->to_forget()) days.push_back(ids_.at(backup.record.id));
    return days;
  }
  std::set<int> days_left() const {
    std::set<int> days;
    const auto left = repository_->list_files(FileKind::record).value();
    for (const Id& id : left) days.insert(ids_.at(id));
    return days;
  }

  std::string name_;
  std::unique_ptr<Repository> repository_;
  Id tree_;
  std::unordered_map<Id, int> ids_;
};

TEST_F(ForgetTest, WhatAPolicyDoesNotKeepGoesOldestFirst) {
  add_days(6);
  EXPECT_EQ(days_to_forget(keep_last(2)), (std::vector<int>{0, 1, 2, 3}));
  const ForgetPlan planned = plan(keep_last(2)).value();
  ASSERT_EQ(planned.groups.size(), 1U);
  EXPECT_EQ(planned.groups[0].system, "bank");
  EXPECT_EQ(planned.groups[0].entries[0].reasons, std::vector<std::string>{"last"});
  EXPECT_EQ(days_left().size(), 6U) << "a plan touches nothing";

  std::vector<std::size_t> told;
  ASSERT_TRUE(
      forget(*repository_, planned, nullptr, [&](std::size_t n) { told.push_back(n); }, {}));
  EXPECT_EQ(days_left(), (std::set<int>{4, 5}));
  EXPECT_EQ(told, (std::vector<std::size_t>{1, 2, 3, 4}));
}

TEST_F(ForgetTest, EachSystemIsJudgedByItself) {
  add_days(3);
  add(0, "shop");
  add(1, "shop");
  EXPECT_EQ(days_to_forget(keep_last(1)), (std::vector<int>{0, 0, 1}));
  ForgetRequest request = keep_last(1);
  request.systems = {"shop"};
  EXPECT_EQ(days_to_forget(request), std::vector<int>{0});
  request.systems = {"sho"};
  const auto refused = plan(request);
  EXPECT_EQ(refused.error().code, Errc::not_found);
  EXPECT_NE(refused.error().advice.find("'shop'"), std::string::npos);
}

TEST_F(ForgetTest, NothingIsForgottenWithoutBeingAskedFor) {
  add_days(3);
  EXPECT_EQ(plan({}).error().code, Errc::invalid);
  ForgetRequest everything;
  everything.allow_empty = true;
  EXPECT_EQ(plan(everything).error().code, Errc::invalid) << "of every system";
  everything.systems = {"bank"};
  EXPECT_EQ(days_to_forget(everything), (std::vector<int>{0, 1, 2}));
  ForgetRequest both = keep_last(1);
  both.backups = {"latest"};
  EXPECT_EQ(plan(both).error().code, Errc::invalid);
}

TEST_F(ForgetTest, APolicyDoesNotTakeASystemsLastBackup) {
  add_days(3);
  add(0, "shop", {"stillpoint", "proven", "gold"});
  ForgetRequest request;
  request.retention.tags = {{"gold"}};
  const auto refused = plan(request);
  EXPECT_EQ(refused.error().code, Errc::invalid);
  EXPECT_NE(refused.error().message.find("3 backups of bank"), std::string::npos);
  request.allow_empty = true;
  EXPECT_EQ(days_to_forget(request), (std::vector<int>{0, 1, 2}));
}

TEST_F(ForgetTest, NamedBackupsGoWhateverAPolicyWouldSay) {
  add(0);
  add(1, "bank", {"stillpoint", "proven", "monday"});
  const Id id = add(2);
  ForgetRequest request;
  request.backups = {"monday", id.brief(), id.hex()};
  EXPECT_EQ(days_to_forget(request), (std::vector<int>{1, 2}));
  request.backups = {"tuesday"};
  EXPECT_EQ(plan(request).error().code, Errc::not_found);
}

TEST_F(ForgetTest, OtherProgramsBackupsAreLeftAloneUnlessAskedFor) {
  add_days(2);
  const Id foreign = add(2, "laptop", {});
  add(3, "laptop", {});
  ForgetRequest request = keep_last(1);
  EXPECT_EQ(days_to_forget(request), std::vector<int>{0});
  EXPECT_NE(plan(request)->notes.at(0).find("--foreign"), std::string::npos);
  request.foreign = true;
  EXPECT_EQ(days_to_forget(request), (std::vector<int>{0, 2}));
  request = {};
  request.backups = {foreign.hex()};
  EXPECT_EQ(plan(request).error().code, Errc::invalid);
  request.foreign = true;
  EXPECT_EQ(days_to_forget(request), std::vector<int>{2});
}

TEST_F(ForgetTest, ItIsSaidWhenOnlyUnprovenBackupsStay) {
  add(0);
  add(1, "bank", {"stillpoint", "unproven"});
  const auto notes = plan(keep_last(1))->notes;
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_NE(notes[0].find("unproven"), std::string::npos);
  EXPECT_TRUE(plan(keep_last(2))->notes.empty());
}

TEST_F(ForgetTest, UnreadableRecordsAreNamedAndStay) {
  add_days(3);
  const Id damaged = add(3);
  const Id nonsense = repository_->save_file(FileKind::record, "{}").value();
  const std::string name = name_of_file(FileKind::record, damaged);
  Bytes bytes = backend()->get(name).value();
  bytes[bytes.size() / 2] ^= 1;
  ASSERT_TRUE(backend()->put(name, bytes, storage::PutMode::replace));
  const ForgetPlan planned = plan(keep_last(1)).value();
  std::set<Id> named;
  for (const UnreadableRecord& one : planned.unreadable) {
    EXPECT_FALSE(one.error.message.empty());
    named.insert(one.id);
  }
  EXPECT_EQ(named, (std::set<Id>{damaged, nonsense}));
  ASSERT_TRUE(forget(*repository_, planned, nullptr, [](std::size_t) {}, {}));
  ids_[nonsense] = -1;
  EXPECT_EQ(days_left(), (std::set<int>{-1, 2, 3}));
}

TEST_F(ForgetTest, AStorageThatDoesNotAnswerMakesNothingUnreadable) {
  add_days(3);
  storage::Fault fault;
  fault.operation = storage::Operation::get;
  fault.at = 4;  // config and key, then records
  const auto opened =
      Repository::open(std::make_unique<storage::Faulty>(backend(), std::vector{fault}),
                       repository::test_password())
          .value();
  EXPECT_EQ(plan_forget(*opened, keep_last(1), now, {}).error().code, Errc::unavailable);
}

TEST_F(ForgetTest, AStopEndsIt) {
  add_days(3);
  std::stop_source stop;
  const ForgetPlan planned = plan(keep_last(1)).value();
  const auto done = [&](std::size_t) { stop.request_stop(); };
  const auto stopped = forget(*repository_, planned, nullptr, done, stop.get_token());
  EXPECT_EQ(stopped.error().code, Errc::cancelled);
  EXPECT_NE(stopped.error().message.find("1 of 2"), std::string::npos);
  EXPECT_EQ(days_left(), (std::set<int>{1, 2}));
}

}  // namespace
}  // namespace stillpoint::backup

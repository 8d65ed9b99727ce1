// SPDX-License-Identifier: Apache-2.0
#include "repository/retention.h"

#include <algorithm>
#include <ctime>
#include <map>
#include <set>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace stillpoint::repository {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using Reasons = std::vector<std::string>;

base::Time at(const std::string& text) {
  return base::parse_time(text).value();
}

// The last digits of the id tell one from the other.
Record record_at(const std::string& time, std::uint8_t number = 0) {
  Record record;
  record.time = at(time);
  record.id.bytes[31] = number;
  return record;
}

// Why each is kept, by its time as it is displayed; "" where it is not.
std::map<std::string, std::string> reasons_of(const std::vector<Judged>& judged) {
  std::map<std::string, std::string> reasons;
  for (const Judged& one : judged) {
    std::string text;
    for (const std::string& reason : one.reasons) text += (text.empty() ? "" : ", ") + reason;
    reasons[base::display_time(one.record.time)] = text;
  }
  return reasons;
}

const base::Time far_later = at("2030-01-01T00:00:00Z");

TEST(Age, IsReadAndWritten) {
  EXPECT_EQ(parse_age("2y5m7d3h").value(), (Age{2, 5, 7, 3}));
  EXPECT_EQ(parse_age("3h7d").value(), (Age{0, 0, 7, 3}));
  EXPECT_EQ(text_of(parse_age("0y10d").value()), "10d");
  for (const char* wrong : {"", "7", "d", "7w", "-7d", "7d ", "7dd", "12345678d", "7D", "1.5d"}) {
    const auto age = parse_age(wrong);
    ASSERT_FALSE(age) << wrong;
    EXPECT_EQ(age.error().code, Errc::invalid) << wrong;
  }
}

TEST(Age, CountsBackOnTheCalendar) {
  const auto back = [](const char* from, const char* age, minutes offset = {}) {
    return base::display_time(before(at(from), offset, parse_age(age).value()));
  };
  EXPECT_EQ(back("2026-11-22T10:20:30Z", "7d"), "2026-11-15 10:20:30");
  EXPECT_EQ(back("2026-11-22T10:20:30Z", "1y1m1d1h"), "2025-10-21 09:20:30");
  EXPECT_EQ(back("2026-01-15T00:00:00Z", "2m"), "2025-11-15 00:00:00");
  EXPECT_EQ(back("2026-03-31T12:00:00Z", "1m"), "2026-03-03 12:00:00");  // as "31 February"
  EXPECT_EQ(back("2024-02-29T12:00:00Z", "1y"), "2023-03-01 12:00:00");
  // There it was still February, the 28th.
  EXPECT_EQ(back("2026-03-01T02:00:00Z", "1m", hours(-5)), "2026-01-29 02:00:00");
  EXPECT_EQ(before(far_later, {}, {9'999'999, 0, 0, 0}), base::Time::min());
  EXPECT_EQ(before(far_later, {}, {0, 0, 9'999'999, 9'999'999}), base::Time::min());
}

TEST(Retention, TheNewestOfEachDayIsKeptAndTheOldestWhereDaysAreLeft) {
  std::vector<Record> group;
  for (const char* time : {"2026-11-20T01:00:00Z", "2026-11-20T23:00:00Z", "2026-11-21T05:00:00Z",
                           "2026-11-22T05:00:00Z", "2026-11-22T06:00:00Z"}) {
    group.push_back(record_at(time));
  }
  Retention retention;
  retention.counts[1] = 2;
  EXPECT_EQ(reasons_of(judge(group, retention, far_later)),
            (std::map<std::string, std::string>{{"2026-11-20 01:00:00", ""},
                                                {"2026-11-20 23:00:00", ""},
                                                {"2026-11-21 05:00:00", "daily"},
                                                {"2026-11-22 05:00:00", ""},
                                                {"2026-11-22 06:00:00", "daily"}}));
  retention.counts[1] = 4;
  EXPECT_EQ(reasons_of(judge(group, retention, far_later)).at("2026-11-20 01:00:00"),
            "oldest daily");
  retention.counts[1] = keep_unlimited;
  EXPECT_EQ(reasons_of(judge(group, retention, far_later)).at("2026-11-20 23:00:00"), "daily");
}

TEST(Retention, WeeksAreThoseOfTheCalendarAlsoAtTheTurnOfTheYear) {
  // Monday 28 December 2026 begins week 53, which Sunday 3 January 2027 ends.
  std::vector<Record> group;
  for (const char* time : {"2026-12-27T12:00:00Z", "2026-12-28T12:00:00Z", "2027-01-03T12:00:00Z",
                           "2027-01-04T12:00:00Z"}) {
    group.push_back(record_at(time));
  }
  Retention retention;
  retention.counts[2] = 2;
  const auto reasons = reasons_of(judge(group, retention, far_later));
  EXPECT_EQ(reasons.at("2027-01-04 12:00:00"), "weekly");
  EXPECT_EQ(reasons.at("2027-01-03 12:00:00"), "weekly");
  EXPECT_EQ(reasons.at("2026-12-28 12:00:00"), "");
  EXPECT_EQ(reasons.at("2026-12-27 12:00:00"), "");
}

TEST(Retention, ADayIsThatOfTheClockThatWroteTheBackup) {
  std::vector<Record> group = {record_at("2026-11-21T22:30:00Z"),
                               record_at("2026-11-22T22:00:00Z")};
  Retention retention;
  retention.counts[1] = 2;
  EXPECT_EQ(judge(group, retention, far_later)[1].reasons, Reasons{"daily"});
  for (Record& record : group) record.utc_offset = hours(2);  // 00:30 and 24:00 of the same day
  group[1].time -= minutes(1);
  EXPECT_EQ(judge(group, retention, far_later)[1].reasons, Reasons{"oldest daily"});
}

TEST(Retention, AgesCountFromTheNewestThatIsNotInTheFuture) {
  const std::vector<Record> group = {
      record_at("2026-11-01T00:00:00Z"), record_at("2026-11-14T12:00:00Z"),
      record_at("2026-11-15T12:00:01Z"), record_at("2026-11-22T12:00:00Z"),
      record_at("2029-01-01T00:00:00Z")};
  Retention retention;
  retention.within = {0, 0, 7, 0};
  const base::Time now = at("2026-12-24T00:00:00Z");
  EXPECT_EQ(reasons_of(judge(group, retention, now)),
            (std::map<std::string, std::string>{{"2026-11-01 00:00:00", ""},
                                                {"2026-11-14 12:00:00", ""},
                                                {"2026-11-15 12:00:01", "within 7d"},
                                                {"2026-11-22 12:00:00", "within 7d"},
                                                {"2029-01-01 00:00:00", "within 7d"}}));
  // All in the future: nothing to count from, so nothing is too old.
  EXPECT_TRUE(judge(group, retention, at("2020-01-01T00:00:00Z")).back().kept());
}

// docs/user/retention.md tells this example.
TEST(Retention, TheExampleOfTheUsersPageIsTrue) {
  std::vector<Record> nights;
  for (base::Time night = at("2026-08-01T02:30:00Z"); night <= at("2026-11-22T02:30:00Z");
       night += hours(24)) {
    nights.emplace_back().time = night;
  }
  ASSERT_EQ(nights.size(), 114U);
  Retention retention;
  retention.counts = {0, 7, 4, 3, 0};
  std::map<std::string, std::string> kept;
  for (const auto& [time, reasons] : reasons_of(judge(nights, retention, far_later))) {
    if (!reasons.empty()) kept[time.substr(0, 10)] = reasons;
  }
  EXPECT_EQ(kept, (std::map<std::string, std::string>{{"2026-09-30", "monthly"},
                                                      {"2026-10-31", "monthly"},
                                                      {"2026-11-01", "weekly"},
                                                      {"2026-11-08", "weekly"},
                                                      {"2026-11-15", "weekly"},
                                                      {"2026-11-16", "daily"},
                                                      {"2026-11-17", "daily"},
                                                      {"2026-11-18", "daily"},
                                                      {"2026-11-19", "daily"},
                                                      {"2026-11-20", "daily"},
                                                      {"2026-11-21", "daily"},
                                                      {"2026-11-22", "daily, weekly, monthly"}}));
}

TEST(Retention, TagsOfOneListMustAllBeThere) {
  std::vector<Record> group(3);
  group[0] = record_at("2026-11-20T00:00:00Z");
  group[1] = record_at("2026-11-21T00:00:00Z");
  group[1].tags = {"stillpoint", "proven", "gold"};
  group[2] = record_at("2026-11-22T00:00:00Z");
  group[2].tags = {"stillpoint", "unproven"};
  Retention retention;
  retention.tags = {{"gold", "proven"}, {"gold", "unproven"}};
  auto reasons = reasons_of(judge(group, retention, far_later));
  EXPECT_EQ(reasons.at("2026-11-22 00:00:00"), "");
  EXPECT_EQ(reasons.at("2026-11-21 00:00:00"), "tag gold,proven");
  EXPECT_EQ(reasons.at("2026-11-20 00:00:00"), "");
  retention.tags = {{""}};
  reasons = reasons_of(judge(group, retention, far_later));
  EXPECT_NE(reasons.at("2026-11-20 00:00:00"), "");
  EXPECT_EQ(reasons.at("2026-11-21 00:00:00"), "");
}

TEST(Retention, WhatKeepsNothingIsEmpty) {
  EXPECT_TRUE(Retention{}.empty());
  Retention retention;
  retention.within_counts[4] = {0, 0, 0, 1};
  EXPECT_FALSE(retention.empty());
  retention = {};
  retention.tags = {{"x"}};
  EXPECT_FALSE(retention.empty());
}

TEST(Retention, SystemsAreGroupsOfTheirOwn) {
  Record a;
  a.hostname = "bank";
  a.paths = {"/stillpoint/bank"};
  Record b = a;
  b.hostname = "shop";
  Record c = a;
  c.paths = {"/srv", "/etc"};
  Record d = a;
  d.paths = {"/etc", "/srv"};
  const auto groups = group_records({a, b, c, d, a});
  ASSERT_EQ(groups.size(), 3U);
  EXPECT_EQ(groups[0].paths, (std::vector<std::string>{"/etc", "/srv"}));
  EXPECT_EQ(groups[0].records.size(), 2U);
  EXPECT_EQ(groups[1].records.size(), 2U);
  EXPECT_EQ(groups[2].hostname, "shop");
}

// ---- The rules again, in the plainest words, to be held against judge() ----

// A period's name, by the C library's calendar.
std::string name_of(const Record& record, std::size_t period) {
  const std::array<const char*, period_count> formats = {"%Y-%m-%d %H", "%Y-%m-%d", "%G-%V",
                                                         "%Y-%m", "%Y"};
  const auto local = std::chrono::floor<std::chrono::seconds>(record.time) + record.utc_offset;
  const std::time_t seconds = local.time_since_epoch().count();
  std::tm parts = {};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 40> text = {};
  std::strftime(text.data(), text.size(), formats[period], &parts);
  return text.data();
}

// Of some backups, newest first: the newest of each of the first `count` periods (-1: of all).
// Where there are fewer periods than that, also the oldest backup of the group, if it is among
// them.
std::set<Id> newest_of_periods(const std::vector<Record>& records, std::size_t period, int count,
                               const Id& oldest) {
  std::set<Id> kept;
  std::set<std::string> seen;
  bool all_seen = true;
  for (const Record& record : records) {
    const std::string name = name_of(record, period);
    if (seen.contains(name)) continue;
    if (count >= 0 && seen.size() == static_cast<std::size_t>(count)) {
      all_seen = false;
      break;
    }
    seen.insert(name);
    kept.insert(record.id);
  }
  const bool periods_left =
      all_seen && (count < 0 || seen.size() < static_cast<std::size_t>(count));
  if (periods_left && !records.empty() && records.back().id == oldest) kept.insert(oldest);
  return kept;
}

std::vector<Record> younger_than(const std::vector<Record>& records, const Age& age,
                                 base::Time now) {
  const auto newest = std::find_if(records.begin(), records.end(),
                                   [&](const Record& record) { return record.time < now; });
  if (newest == records.end()) return records;
  const base::Time bound = before(newest->time, newest->utc_offset, age);
  std::vector<Record> younger = records;
  std::erase_if(younger, [&](const Record& record) { return record.time <= bound; });
  return younger;
}

std::set<Id> kept_by_model(const std::vector<Record>& records, const Retention& retention,
                           base::Time now) {
  std::set<Id> kept;
  const Id oldest = records.empty() ? Id() : records.back().id;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (retention.last < 0 || i < static_cast<std::size_t>(retention.last)) {
      kept.insert(records[i].id);
    }
    for (const auto& tags : retention.tags) {
      const bool all = std::all_of(tags.begin(), tags.end(), [&](const std::string& tag) {
        return std::count(records[i].tags.begin(), records[i].tags.end(), tag) > 0;
      });
      if (all) kept.insert(records[i].id);
    }
  }
  if (!retention.within.zero()) {
    for (const Record& r : younger_than(records, retention.within, now)) kept.insert(r.id);
  }
  for (std::size_t period = 0; period < period_count; ++period) {
    kept.merge(newest_of_periods(records, period, retention.counts[period], oldest));
    const Age& age = retention.within_counts[period];
    if (age.zero()) continue;
    kept.merge(newest_of_periods(younger_than(records, age, now), period, -1, oldest));
  }
  return kept;
}

Age any_age() {
  if (*rc::gen::inRange(0, 3) > 0) return {};
  return {*rc::gen::inRange(0, 2), *rc::gen::inRange(0, 5), *rc::gen::inRange(0, 20),
          *rc::gen::inRange(0, 30)};
}

int any_count() {
  const int count = *rc::gen::inRange(-8, 9);
  return count < 0 ? 0 : count == 8 ? keep_unlimited : count;
}

Retention any_retention() {
  Retention retention;
  retention.last = any_count();
  for (int& count : retention.counts) count = any_count();
  retention.within = any_age();
  for (Age& age : retention.within_counts) age = any_age();
  if (*rc::gen::inRange(0, 4) == 0) retention.tags = {{"a"}, {"b", "c"}};
  return retention;
}

// Some close together, some far apart; all times differ, as do the ids.
std::vector<Record> any_records() {
  std::vector<Record> records;
  const minutes offset = *rc::gen::element(minutes(0), minutes(330), minutes(-480));
  base::Time time = at("2026-12-30T00:00:00Z");
  const int count = *rc::gen::inRange(0, 40);
  for (int i = 0; i < count; ++i) {
    const auto [step_minutes, steps] =
        *rc::gen::pair(rc::gen::element(1, 47, 1440, 20000), rc::gen::inRange(1, 60));
    time -= minutes(step_minutes * steps);
    Record record;
    record.time = time;
    record.utc_offset = offset;
    record.id.bytes[0] = static_cast<Byte>(i);
    for (const char* tag : {"a", "b", "c"}) {
      if (*rc::gen::inRange(0, 4) == 0) record.tags.push_back(tag);
    }
    records.push_back(std::move(record));
  }
  return records;
}

RC_GTEST_PROP(RetentionOfAnyBackups, KeepsWhatThePlainRulesKeep, ()) {
  const std::vector<Record> records = any_records();
  const Retention retention = any_retention();
  const base::Time now = *rc::gen::element(far_later, at("2026-12-20T00:00:00Z"));
  std::vector<Record> shuffled = records;
  std::reverse(shuffled.begin(), shuffled.end());
  std::set<Id> kept;
  const std::vector<Judged> judged = judge(shuffled, retention, now);
  RC_ASSERT(judged.size() == records.size());
  for (std::size_t i = 0; i < judged.size(); ++i) {
    RC_ASSERT(judged[i].record.id == records[i].id);  // newest first
    if (judged[i].kept()) kept.insert(judged[i].record.id);
  }
  RC_ASSERT(kept == kept_by_model(records, retention, now));
}

RC_GTEST_PROP(RetentionOfAnyBackups, ToForgetTwiceForgetsNoMore, ()) {
  Retention retention;  // counted rules alone: what they keep, they keep again
  for (int& count : retention.counts) count = any_count();
  std::vector<Record> kept;
  for (const Judged& one : judge(any_records(), retention, far_later)) {
    if (one.kept()) kept.push_back(one.record);
  }
  for (const Judged& one : judge(kept, retention, far_later)) RC_ASSERT(one.kept());
}

}  // namespace
}  // namespace stillpoint::repository

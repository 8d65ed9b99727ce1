// SPDX-License-Identifier: Apache-2.0
#include "repository/retention.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "base/text.h"

namespace stillpoint::repository {
namespace {

using std::chrono::days;
using std::chrono::sys_days;

constexpr std::size_t digits_max = 7;    // of a number in an age: no sum of them overflows
constexpr std::int64_t year_min = 1700;  // earlier, and nanoseconds in 64 bits end soon

struct LocalTime {
  sys_days day = {};
  std::chrono::nanoseconds of_day = {};
};

LocalTime local(base::Time time, std::chrono::minutes utc_offset) {
  // In seconds: a time at the end of its range has no offset added to it in nanoseconds.
  const auto second = std::chrono::floor<std::chrono::seconds>(time);
  const auto fraction = time - second;
  const auto shifted = second + utc_offset;
  const sys_days day = std::chrono::floor<days>(shifted);
  return {day, std::chrono::nanoseconds(shifted - day) + fraction};
}

// The Thursday of a day's week decides which year the week belongs to (ISO 8601).
std::int64_t week_of(sys_days day) {
  const int from_monday = static_cast<int>(std::chrono::weekday(day).iso_encoding()) - 1;
  const sys_days thursday = day + days(3 - from_monday);
  const std::chrono::year year = std::chrono::year_month_day(thursday).year();
  const auto into_year = (thursday - sys_days(year / 1 / 1)).count();
  return static_cast<int>(year) * 100 + into_year / 7 + 1;
}

// A number that two times share exactly when they lie in the same period.
std::int64_t period_of(Period period, const Record& record) {
  const LocalTime time = local(record.time, record.utc_offset);
  const std::chrono::year_month_day date(time.day);
  switch (period) {
    case Period::hour:
      return time.day.time_since_epoch().count() * 24 +
             std::chrono::floor<std::chrono::hours>(time.of_day).count();
    case Period::day:
      return time.day.time_since_epoch().count();
    case Period::week:
      return week_of(time.day);
    case Period::month:
      return static_cast<int>(date.year()) * 100 + static_cast<unsigned>(date.month());
    case Period::year:
      return static_cast<int>(date.year());
  }
  return 0;
}

bool has_tags(const Record& record, const std::vector<std::string>& wanted) {
  for (const std::string& tag : wanted) {
    if (tag.empty() && record.tags.empty()) return true;  // "": those that have none
    if (std::find(record.tags.begin(), record.tags.end(), tag) == record.tags.end()) return false;
  }
  return true;
}

// One rule of the kind "the newest of each period", while it goes from the newest to the oldest.
struct Counted {
  std::string name = {};
  int left = 0;                       // periods that it still keeps one of; or keep_unlimited
  std::optional<Period> period = {};  // none: every backup is a period of its own
  std::optional<base::Time> after = {};
  std::string suffix = {};
  std::optional<std::int64_t> seen = {};

  // Why it keeps this backup; "" where it does not. The oldest of all is kept, too, where periods
  // are left: else a history that is shorter than asked for would lose its beginning.
  std::string judge(const Record& record, bool oldest) {
    if (left == 0 || (after && record.time <= *after)) return {};
    const auto now = period ? std::optional(period_of(*period, record)) : std::nullopt;
    const bool next = !period || now != seen;
    if (!next && !oldest) return {};
    seen = now;
    if (left > 0) --left;
    return (next ? "" : "oldest ") + name + suffix;
  }
};

// The newest that is not in the future: a clock that was wrong once must not expire all the rest.
const Record* newest_of(const std::vector<Record>& group, base::Time now) {
  const Record* newest = nullptr;
  for (const Record& record : group) {
    if (record.time < now && (newest == nullptr || record.time > newest->time)) newest = &record;
  }
  return newest;
}

std::vector<Counted> rules_of(const Retention& retention, const Record* newest) {
  const auto bound = [&](const Age& age) {
    return newest == nullptr ? base::Time::min() : before(newest->time, newest->utc_offset, age);
  };
  std::vector<Counted> rules;
  rules.push_back({"last", retention.last, {}, {}, {}, {}});
  for (std::size_t i = 0; i < period_count; ++i) {
    rules.push_back({std::string(period_adverbs[i]), retention.counts[i], Period(i), {}, {}, {}});
  }
  for (std::size_t i = 0; i < period_count; ++i) {
    const Age& age = retention.within_counts[i];
    if (age.zero()) continue;
    rules.push_back({std::string(period_adverbs[i]),
                     keep_unlimited,
                     Period(i),
                     bound(age),
                     " within " + text_of(age),
                     {}});
  }
  return rules;
}

}  // namespace

Result<Age> parse_age(std::string_view text) {
  const auto bad = [&] {
    return fail(Error{Errc::invalid,
                      fmt::format("'{}' is not a time such as 2y5m7d3h", base::printable(text)),
                      "years (y), months (m), days (d) and hours (h); a week is 7d"});
  };
  Age age;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
    if (digits == 0 || digits > digits_max || digits == rest.size()) return bad();
    std::int64_t number = 0;
    std::from_chars(rest.data(), rest.data() + digits, number);
    switch (rest[digits]) {
      case 'y':
        age.years = number;
        break;
      case 'm':
        age.months = number;
        break;
      case 'd':
        age.days = number;
        break;
      case 'h':
        age.hours = number;
        break;
      default:
        return bad();
    }
    rest.remove_prefix(digits + 1);
  }
  if (text.empty()) return bad();
  return age;
}

std::string text_of(const Age& age) {
  std::string text;
  for (const auto& [number, unit] :
       {std::pair(age.years, 'y'), {age.months, 'm'}, {age.days, 'd'}, {age.hours, 'h'}}) {
    if (number != 0) text += std::to_string(number) + unit;
  }
  return text;
}

base::Time before(base::Time time, std::chrono::minutes utc_offset, const Age& age) {
  const LocalTime from = local(time, utc_offset);
  const std::chrono::year_month_day date(from.day);
  const std::int64_t months = static_cast<int>(date.year()) * std::int64_t{12} +
                              static_cast<unsigned>(date.month()) - 1 - age.years * 12 - age.months;
  if (months < year_min * 12) return base::Time::min();
  const std::chrono::year_month month = std::chrono::year(static_cast<int>(months / 12)) /
                                        std::chrono::month(static_cast<unsigned>(months % 12 + 1));
  const auto back = days(age.days) + std::chrono::hours(age.hours) + utc_offset;
  const auto day = sys_days(month / 1) + days(static_cast<unsigned>(date.day()) - 1);
  const auto seconds = std::chrono::sys_seconds(day) - back;
  if (seconds < std::chrono::sys_seconds(sys_days(std::chrono::year(year_min) / 1 / 1))) {
    return base::Time::min();
  }
  return base::Time(seconds) + from.of_day;
}

bool Retention::empty() const {
  const auto none = [](int count) { return count == 0; };
  const auto zero = [](const Age& age) { return age.zero(); };
  return last == 0 && std::all_of(counts.begin(), counts.end(), none) && within.zero() &&
         std::all_of(within_counts.begin(), within_counts.end(), zero) && tags.empty();
}

std::vector<Judged> judge(std::vector<Record> group, const Retention& retention, base::Time now) {
  // By id where times are the same, so that every run judges alike.
  std::sort(group.begin(), group.end(), [](const Record& a, const Record& b) {
    return a.time != b.time ? a.time > b.time : a.id < b.id;
  });
  const Record* newest = newest_of(group, now);
  const base::Time bound = newest == nullptr
                               ? base::Time::min()
                               : before(newest->time, newest->utc_offset, retention.within);
  std::vector<Counted> rules = rules_of(retention, newest);
  std::vector<Judged> judged;
  for (std::size_t i = 0; i < group.size(); ++i) {
    Judged& one = judged.emplace_back();
    for (const auto& tags : retention.tags) {
      if (has_tags(group[i], tags)) one.reasons.push_back("tag " + base::join(tags, ","));
    }
    if (!retention.within.zero() && group[i].time > bound) {
      one.reasons.push_back("within " + text_of(retention.within));
    }
    for (Counted& rule : rules) {
      std::string reason = rule.judge(group[i], i + 1 == group.size());
      if (!reason.empty()) one.reasons.push_back(std::move(reason));
    }
    one.record = group[i];  // a copy: `newest` points into the group
  }
  return judged;
}

std::vector<RecordGroup> group_records(const std::vector<Record>& records) {
  std::map<std::pair<std::string, std::vector<std::string>>, RecordGroup> groups;
  for (const Record& record : records) {
    std::vector<std::string> paths = record.paths;
    std::sort(paths.begin(), paths.end());
    RecordGroup& group = groups[{record.hostname, paths}];
    group.hostname = record.hostname;
    group.paths = std::move(paths);
    group.records.push_back(record);
  }
  std::vector<RecordGroup> all;
  for (auto& [key, group] : groups) all.push_back(std::move(group));
  return all;
}

}  // namespace stillpoint::repository

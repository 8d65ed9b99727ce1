// SPDX-License-Identifier: Apache-2.0
// Which backups to keep, by restic's rules: the same options keep the same backups in either
// program (docs/user/retention.md). Nothing here reads or removes anything.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "repository/record.h"

namespace stillpoint::repository {

// A time on the calendar: a month back from 31 March is "31 February", which is 3 March.
struct Age {
  std::int64_t years = 0;
  std::int64_t months = 0;
  std::int64_t days = 0;
  std::int64_t hours = 0;

  bool operator==(const Age&) const = default;
  bool zero() const { return *this == Age{}; }
};

Result<Age> parse_age(std::string_view text);  // "2y5m7d3h": any of them, in any order
std::string text_of(const Age& age);
// So long before a time, on the calendar of a place that is `utc_offset` ahead of UTC.
base::Time before(base::Time time, std::chrono::minutes utc_offset, const Age& age);

enum class Period { hour, day, week, month, year };
inline constexpr std::size_t period_count = 5;
inline constexpr std::array<std::string_view, period_count> period_adverbs = {
    "hourly", "daily", "weekly", "monthly", "yearly"};
inline constexpr std::array<std::string_view, period_count> period_nouns = {"hour", "day", "week",
                                                                            "month", "year"};

inline constexpr int keep_unlimited = -1;

// Each rule keeps some backups; what no rule keeps is to be forgotten.
struct Retention {
  int last = 0;                               // the newest so many
  std::array<int, period_count> counts = {};  // the newest of each of the last so many periods
  Age within = {};                            // all that are younger than the newest less this
  std::array<Age, period_count> within_counts = {};  // the newest of each period in that time
  std::vector<std::vector<std::string>> tags = {};   // all that have every tag of one of these

  bool empty() const;  // keeps nothing
};

struct Judged {
  Record record = {};
  std::vector<std::string> reasons = {};  // why it is kept: "last", "daily", "oldest weekly", …
  bool kept() const { return !reasons.empty(); }
};

// Newest first. Periods begin by the offset from UTC that each backup's own time was written with:
// Stillpoint writes UTC. Ages count from the newest backup that is not later than `now`.
std::vector<Judged> judge(std::vector<Record> group, const Retention& retention, base::Time now);

// Backups of one system; of other programs', those of the same host and paths.
struct RecordGroup {
  std::string hostname = {};
  std::vector<std::string> paths = {};  // sorted
  std::vector<Record> records = {};
};
std::vector<RecordGroup> group_records(const std::vector<Record>& records);  // by name

}  // namespace stillpoint::repository

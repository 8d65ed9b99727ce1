// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <charconv>
#include <ctime>

namespace stillpoint::base {
namespace {

std::tm utc(Time time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  const auto value = static_cast<std::time_t>(seconds);
  std::tm parts = {};
  gmtime_r(&value, &parts);
  return parts;
}

// Reads exactly `digits` decimal digits at `at` and moves on; -1 where there are none.
int read_number(std::string_view text, std::size_t& at, std::size_t digits) {
  if (at + digits > text.size()) return -1;
  int value = 0;
  const char* first = text.data() + at;
  const auto [end, error] = std::from_chars(first, first + digits, value);
  if (error != std::errc() || end != first + digits || value < 0 || *first == '-') return -1;
  at += digits;
  return value;
}

bool skip(std::string_view text, std::size_t& at, std::string_view any_of) {
  if (at >= text.size() || any_of.find(text[at]) == std::string_view::npos) return false;
  ++at;
  return true;
}

long read_fraction(std::string_view text, std::size_t& at) {
  long nanoseconds = 0;
  long unit = 100'000'000;
  while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
    nanoseconds += (text[at++] - '0') * unit;
    unit /= 10;
  }
  return nanoseconds;
}

}  // namespace

Time now() {
  return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
}

std::string format_time(Time time) {
  const std::tm t = utc(time);
  const auto fraction = (time - std::chrono::floor<std::chrono::seconds>(time)).count();
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z", t.tm_year + 1900, t.tm_mon + 1,
                     t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec, fraction);
}

std::string display_time(Time time) {
  const std::tm t = utc(time);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", t.tm_year + 1900, t.tm_mon + 1,
                     t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec);
}

std::string compact_time(Time time) {
  const std::tm t = utc(time);
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday,
                     t.tm_hour, t.tm_min, t.tm_sec);
}

Result<Time> parse_time(std::string_view text) {
  const auto bad = [&] { return fail(Errc::invalid, "'{}' is not a time (RFC 3339)", text); };
  std::size_t at = 0;
  const int year = read_number(text, at, 4);
  if (year < 0 || !skip(text, at, "-")) return bad();
  const int month = read_number(text, at, 2);
  if (month < 1 || month > 12 || !skip(text, at, "-")) return bad();
  const int day = read_number(text, at, 2);
  if (day < 1 || day > 31 || !skip(text, at, "Tt ")) return bad();
  const int hour = read_number(text, at, 2);
  if (hour < 0 || hour > 23 || !skip(text, at, ":")) return bad();
  const int minute = read_number(text, at, 2);
  if (minute < 0 || minute > 59 || !skip(text, at, ":")) return bad();
  const int second = read_number(text, at, 2);
  if (second < 0 || second > 60) return bad();
  const long nanoseconds = skip(text, at, ".") ? read_fraction(text, at) : 0;

  int offset_minutes = 0;
  if (at < text.size() && (text[at] == '+' || text[at] == '-')) {
    const int sign = text[at++] == '-' ? -1 : 1;
    const int hours = read_number(text, at, 2);
    if (hours < 0 || !skip(text, at, ":")) return bad();
    const int minutes = read_number(text, at, 2);
    if (minutes < 0) return bad();
    offset_minutes = sign * (hours * 60 + minutes);
  } else if (!skip(text, at, "Zz")) {
    return bad();
  }
  if (at != text.size()) return bad();

  using std::chrono::year_month_day;
  const year_month_day date{std::chrono::year(year),
                            std::chrono::month(static_cast<unsigned>(month)),
                            std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return bad();
  // Years that nanoseconds in 64 bits cannot hold: a zero time of another program, say.
  if (year < 1678 || year > 2261) return Time{};
  return Time(std::chrono::sys_days(date)) + std::chrono::hours(hour) +
         std::chrono::minutes(minute - offset_minutes) + std::chrono::seconds(second) +
         std::chrono::nanoseconds(nanoseconds);
}

}  // namespace stillpoint::base

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"

namespace stillpoint::base {

using Time = std::chrono::sys_time<std::chrono::nanoseconds>;
using Duration = std::chrono::steady_clock::duration;

Time now();

// RFC 3339. Times are written in UTC with nanoseconds ("2026-11-21T08:30:00.000000001Z") and read
// with any offset and up to nine digits of fraction.
std::string format_time(Time time);
Result<Time> parse_time(std::string_view text);

// For people: "2026-11-21 08:30:00" in UTC; for names of files: "20261121T083000Z".
std::string display_time(Time time);
std::string compact_time(Time time);

// The end of an allowance, on a clock that nobody sets.
class Deadline {
 public:
  explicit Deadline(Duration allowance) : end_(std::chrono::steady_clock::now() + allowance) {}
  static Deadline never() { return Deadline(std::chrono::hours(24 * 365)); }
  bool passed() const { return std::chrono::steady_clock::now() >= end_; }
  Duration left() const {
    const auto rest = end_ - std::chrono::steady_clock::now();
    return rest > Duration::zero() ? rest : Duration::zero();
  }

 private:
  std::chrono::steady_clock::time_point end_;
};

}  // namespace stillpoint::base

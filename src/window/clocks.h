// SPDX-License-Identifier: Apache-2.0
// Clocks that differ: by how much, how long everybody must stand still because of it, and which
// times of another clock lie inside of a window of ours.
//
// The window is [begin, end) on our clock, another clock is ahead of ours by something between low
// and high. Then a time t of the other lies in the window whatever the truth is when
//   begin + high <= t < end + low
// and there is a multiple of g among them when end - begin >= (high - low) + g.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include <sys/timex.h>

#include "base/clock.h"
#include "base/result.h"

namespace stillpoint::window {

// Somebody else's clock. ask() tells a time from which on, and before `granularity` later, the
// clock showed something while it was asked.
struct Clock {
  std::chrono::nanoseconds granularity = std::chrono::microseconds(1);
  std::function<Result<base::Time>(const base::Deadline&, std::stop_token)> ask = {};
};
// By the Date of an HTTP server's answers.
Result<Clock> http_clock(const std::string& url, const std::string& ca_file);

// By how much a clock is ahead of ours.
struct Offset {
  std::chrono::nanoseconds low = {};
  std::chrono::nanoseconds high = {};
  std::chrono::nanoseconds width() const { return high - low; }
  bool operator==(const Offset&) const = default;
};

// Asks several times (Cristian's method); a clock of whole seconds over more than one of them, so
// that its tick is seen. `unavailable` where the answers contradict one another: a clock was set.
Result<Offset> measure_offset(const Clock& clock, const base::Deadline& deadline,
                              std::stop_token stop);
// What was true all the time between two measurements that are so far apart.
Offset offset_between(const Offset& before, const Offset& after, std::chrono::nanoseconds apart);

// So long a window must at least be.
std::chrono::nanoseconds hold_needed(const Offset& offset, std::chrono::nanoseconds granularity);
// Where nothing is known of a clock.
inline constexpr std::chrono::seconds hold_unmeasured{10};

struct RestoreTime {
  base::Time time = {};  // by the other clock: the latest multiple of the granularity
  base::Time earliest = {};
  base::Time latest = {};  // as good, both
};
// None where the window was too short.
std::optional<RestoreTime> restore_time(base::Time begin, base::Time end, const Offset& offset,
                                        std::chrono::nanoseconds granularity);

// Our own clock, as the kernel knows it (adjtimex).
struct OwnClock {
  bool synchronised = false;
  std::chrono::microseconds error_max = {};  // against UTC, where it is synchronised
};
OwnClock own_clock();
OwnClock own_clock_of(const timex& state, int answer);

}  // namespace stillpoint::window

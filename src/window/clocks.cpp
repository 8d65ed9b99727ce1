// SPDX-License-Identifier: Apache-2.0
#include "window/clocks.h"

#include <algorithm>
#include <memory>

#include "base/sleep.h"
#include "net/http_date.h"

namespace stillpoint::window {
namespace {

using std::chrono::nanoseconds;

// Two clocks that nobody sets drift apart by no more than this part of the time.
constexpr std::int64_t drift_parts = 5000;  // 1/5000: 200 ppm
constexpr int fine_questions = 8;
constexpr nanoseconds fine_granularity = std::chrono::milliseconds(10);
// Of clocks that tick slowly: so far apart, and over so many of their ticks.
constexpr std::chrono::milliseconds coarse_step{50};
constexpr int coarse_questions_max = 100;

struct Sample {
  Offset offset = {};
  base::Time begun = {};
};

Result<Sample> ask_once(const Clock& clock, const base::Deadline& deadline,
                        const std::stop_token& stop) {
  const base::Time before = base::now();
  const base::Time told = TRY(clock.ask(deadline, stop));
  const base::Time after = base::now();
  return Sample{{told - after, told + clock.granularity - before}, before};
}

}  // namespace

Result<Clock> http_clock(const std::string& url, const std::string& ca_file) {
  auto asked = std::make_shared<net::HttpClock>(TRY(net::HttpClock::open(url, ca_file)));
  return Clock{std::chrono::seconds(1),
               [asked](const base::Deadline& deadline, std::stop_token stop) {
                 return asked->ask(deadline, std::move(stop));
               }};
}

Result<Offset> measure_offset(const Clock& clock, const base::Deadline& deadline,
                              std::stop_token stop) {
  TRY(clock.ask(deadline, stop));  // whatever has to be opened first
  const bool fine = clock.granularity <= fine_granularity;
  std::optional<Offset> all;
  base::Time first = {};
  for (int i = 0; fine ? i < fine_questions : i < coarse_questions_max; ++i) {
    const Sample sample = TRY(ask_once(clock, deadline, stop));
    if (!all) first = sample.begun;
    if (!all) all = sample.offset;
    all->low = std::max(all->low, sample.offset.low);
    all->high = std::min(all->high, sample.offset.high);
    if (all->low > all->high) {
      return fail(Error{Errc::unavailable, "its answers contradict one another: a clock was set",
                        "try again when the clocks are quiet"});
    }
    if (fine) continue;
    if (sample.begun - first > clock.granularity) break;
    if (!base::sleep_for(coarse_step, stop)) return fail(Errc::cancelled, "interrupted");
  }
  return *all;
}

Offset offset_between(const Offset& before, const Offset& after, nanoseconds apart) {
  const nanoseconds drift = std::max(apart, nanoseconds::zero()) / drift_parts;
  return {std::min(before.low, after.low) - drift, std::max(before.high, after.high) + drift};
}

nanoseconds hold_needed(const Offset& offset, nanoseconds granularity) {
  return offset.width() + granularity;
}

std::optional<RestoreTime> restore_time(base::Time begin, base::Time end, const Offset& offset,
                                        nanoseconds granularity) {
  const base::Time earliest = begin + offset.high;
  const base::Time latest = end + offset.low - nanoseconds(1);
  const nanoseconds since = latest.time_since_epoch();
  const base::Time time = latest - since % granularity;
  if (time < earliest) return {};
  return RestoreTime{time, earliest, latest};
}

OwnClock own_clock_of(const timex& state, int answer) {
  if (answer < 0 || answer == TIME_ERROR || (state.status & STA_UNSYNC) != 0) return {};
  return {true, std::chrono::microseconds(state.maxerror)};
}

OwnClock own_clock() {
  timex state = {};
  const int answer = ::adjtimex(&state);
  return own_clock_of(state, answer);
}

}  // namespace stillpoint::window

// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <stillpoint/gate.h>

namespace stillpoint::gate {
namespace {

// How soon it is noticed that whoever wanted a pause is gone.
constexpr std::chrono::milliseconds step{50};
// Longer waits are this long: sums of times must not overflow.
constexpr std::chrono::hours wait_limit{24};

}  // namespace

void Gate::Pass::leave() {
  Gate* const gate = std::exchange(gate_, nullptr);
  if (gate == nullptr) return;
  const std::lock_guard lock(gate->mutex_);
  if (--gate->inside_ == 0) gate->changed_.notify_all();
}

bool Gate::closed_now(Clock::time_point now) const {
  return closed_ && now < closed_until_;
}

// A pause that was over is as if somebody had unpaused at that time.
void Gate::expire(Clock::time_point now) {
  if (closed_ && !closed_now(now)) open();
}

void Gate::open() {
  closed_ = false;
  closed_until_ = Clock::time_point::max();
  ++openings_;
  changed_.notify_all();
}

Gate::Pass Gate::enter(Duration wait_max) {
  std::unique_lock lock(mutex_);
  const auto deadline = Clock::now() + std::min<Duration>(wait_max, wait_limit);
  for (;;) {
    const auto now = Clock::now();
    expire(now);
    if (!closed_) break;
    if (now >= deadline) {
      ++refused_;
      return {};
    }
    changed_.wait_until(lock, std::min(deadline, closed_until_));
  }
  ++inside_;
  ++entered_;
  return Pass(this);
}

Outcome Gate::pause(bool drain, Duration wait_max, const std::function<bool()>& given_up) {
  std::unique_lock lock(mutex_);
  const auto deadline = Clock::now() + std::clamp<Duration>(wait_max, Duration::zero(), wait_limit);
  expire(Clock::now());
  const std::uint64_t openings = openings_;
  // True when `ready`; false when the time is over, or nobody wants it any more.
  const auto wait_for = [&](const auto& ready) {
    for (;;) {
      const auto now = Clock::now();
      expire(now);
      if (ready()) return true;
      if (now >= deadline || (given_up && given_up())) return false;
      changed_.wait_until(lock, std::min({deadline, now + step, closed_until_}));
    }
  };
  const auto opened = [&] { return openings_ != openings; };
  if (!drain && pausing_) return Outcome::pause_in_progress;
  if (!wait_for([&] { return !pausing_ || opened(); })) return Outcome::pause_in_progress;
  if (opened()) return Outcome::gate_open;
  const bool was_closed = closed_;
  closed_ = true;
  bool drained = true;
  if (drain) {
    pausing_ = true;
    drained = wait_for([&] { return inside_ == 0 || opened(); });
    pausing_ = false;
    changed_.notify_all();
  }
  if (opened()) return Outcome::gate_open;
  if (drained) {
    closed_until_ = Clock::now() + std::min<Duration>(paused_max_, wait_limit);
    return Outcome::paused;
  }
  if (was_closed) return Outcome::timed_out_still_paused;
  closed_ = false;  // no opening: those who wait for their turn were not unpaused by anybody
  return Outcome::timed_out;
}

void Gate::unpause() {
  const std::lock_guard lock(mutex_);
  open();
}

bool Gate::paused() const {
  const std::lock_guard lock(mutex_);
  return closed_now(Clock::now());
}

Statistics Gate::statistics() const {
  const std::lock_guard lock(mutex_);
  return {inside_, entered_, refused_, closed_now(Clock::now())};
}

}  // namespace stillpoint::gate

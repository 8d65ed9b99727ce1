// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <stop_token>

namespace stillpoint::storage {

// How decorators know the time and wait; tests put their own in its place.
struct Timer {
  using Clock = std::chrono::steady_clock;
  std::function<Clock::time_point()> now;
  std::function<bool(Clock::duration, const std::stop_token&)>
      wait;  // false: ended by the stop request

  static Timer real();
};

}  // namespace stillpoint::storage

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>

#include "base/clock.h"

namespace stillpoint::base {

// Until the time is over: true. Or until a stop is requested: false.
inline bool sleep_for(Duration time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wakes;
  std::unique_lock lock(mutex);
  wakes.wait_for(lock, stop, time, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace stillpoint::base

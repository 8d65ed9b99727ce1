// SPDX-License-Identifier: Apache-2.0
#include "storage/decorators/timer.h"

#include <condition_variable>
#include <mutex>

namespace stillpoint::storage {

Timer Timer::real() {
  const auto wait = [](Clock::duration time, const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock(mutex);
    stopped.wait_for(lock, stop, time, [] { return false; });
    return !stop.stop_requested();
  };
  return {&Clock::now, wait};
}

}  // namespace stillpoint::storage

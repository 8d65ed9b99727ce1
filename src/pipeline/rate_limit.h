// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stop_token>

namespace stillpoint::pipeline {

// Lets so many bytes a second pass, of any number of threads together.
class RateLimit {
 public:
  explicit RateLimit(std::uint64_t bytes_per_second) : rate_(bytes_per_second) {}

  // Waits for its turn. False when stopped before.
  bool pass(std::uint64_t bytes, const std::stop_token& stop) {
    if (rate_ == 0) return true;
    const auto took = std::chrono::duration_cast<Clock::duration>(
        std::chrono::duration<double>(static_cast<double>(bytes) / static_cast<double>(rate_)));
    std::unique_lock lock(mutex_);
    // What was not used before is lost, but for a little: a stall is not made up for by a rush.
    free_at_ = std::max(free_at_, Clock::now() - catch_up_max) + took;
    const Clock::time_point turn = free_at_;
    woken_.wait_until(lock, stop, turn, [] { return false; });
    return !stop.stop_requested();
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds catch_up_max{100};
  const std::uint64_t rate_;
  std::mutex mutex_;
  std::condition_variable_any woken_;
  Clock::time_point free_at_ = Clock::now();
};

}  // namespace stillpoint::pipeline

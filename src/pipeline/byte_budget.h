// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <stop_token>
#include <utility>

namespace stillpoint::pipeline {

// Bounds the bytes that are on their way: a producer waits here until consumers have let go.
class ByteBudget {
 public:
  // A share of the budget; gives itself back. One larger than the whole budget counts as the whole,
  // so that it can pass alone.
  class Grant {
   public:
    Grant() = default;
    Grant(ByteBudget* budget, std::size_t bytes) : budget_(budget), bytes_(bytes) {}
    ~Grant() { release(); }
    Grant(Grant&& other) noexcept
        : budget_(std::exchange(other.budget_, nullptr)), bytes_(other.bytes_) {}
    Grant& operator=(Grant&& other) noexcept {
      if (this != &other) {
        release();
        budget_ = std::exchange(other.budget_, nullptr);
        bytes_ = other.bytes_;
      }
      return *this;
    }
    explicit operator bool() const { return budget_ != nullptr; }

   private:
    void release() {
      if (budget_ != nullptr) std::exchange(budget_, nullptr)->give_back(bytes_);
    }
    ByteBudget* budget_ = nullptr;
    std::size_t bytes_ = 0;
  };

  explicit ByteBudget(std::size_t bytes) : whole_(bytes), left_(bytes) {}

  // An empty grant when stopped before there was room. The budget must outlive its grants.
  Grant acquire(std::size_t bytes, std::stop_token stop) {
    const std::size_t wanted = std::min(bytes, whole_);
    std::unique_lock lock(mutex_);
    room_.wait(lock, stop, [&] { return left_ >= wanted; });
    if (stop.stop_requested()) return {};
    left_ -= wanted;
    return {this, wanted};
  }

 private:
  void give_back(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    left_ += bytes;
    room_.notify_all();
  }
  const std::size_t whole_;
  std::mutex mutex_;
  std::condition_variable_any room_;
  std::size_t left_;
};

}  // namespace stillpoint::pipeline

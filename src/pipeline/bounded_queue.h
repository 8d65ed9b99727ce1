// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <stop_token>

namespace stillpoint::pipeline {

// A queue that makes its producers wait when it is full. Any number of threads on both sides.
template <class T>
class BoundedQueue {
 public:
  explicit BoundedQueue(std::size_t capacity) : capacity_(capacity) {}

  // False, with the value dropped, when stopped or closed before there was room.
  bool push(T value, std::stop_token stop) {
    std::unique_lock lock(mutex_);
    room_.wait(lock, stop, [&] { return closed_ || values_.size() < capacity_; });
    if (stop.stop_requested() || closed_) return false;
    values_.push_back(std::move(value));
    ready_.notify_one();
    return true;
  }

  // Nothing when stopped, or when closed and empty.
  std::optional<T> pop(std::stop_token stop) {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, stop, [&] { return closed_ || !values_.empty(); });
    if (stop.stop_requested() || values_.empty()) return std::nullopt;
    std::optional<T> value(std::move(values_.front()));
    values_.pop_front();
    room_.notify_one();
    return value;
  }

  // No more values will come; those in the queue are still given out.
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    room_.notify_all();
    ready_.notify_all();
  }

 private:
  const std::size_t capacity_;
  std::mutex mutex_;
  std::condition_variable_any room_;
  std::condition_variable_any ready_;
  std::deque<T> values_;
  bool closed_ = false;
};

}  // namespace stillpoint::pipeline

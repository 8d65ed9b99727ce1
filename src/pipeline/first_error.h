// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>

#include "base/result.h"

namespace stillpoint::pipeline {

// The first failure of several threads, which stops the others. Later ones are mostly its echo.
class FirstError {
 public:
  void set(Error error) {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = std::move(error);
    stop_.request_stop();
  }
  std::stop_token token() const { return stop_.get_token(); }
  bool failed() const { return stop_.stop_requested(); }
  // The failure, if any.
  Result<void> result() const {
    const std::lock_guard lock(mutex_);
    if (error_) return fail(*error_);
    return {};
  }
  // Set `cancelled` when `outer` is asked to stop; keep what this returns as long as that shall
  // hold.
  auto follow(std::stop_token outer) {
    const auto cancel = [this] { set(Error{Errc::cancelled, "interrupted", {}}); };
    return std::stop_callback<decltype(cancel)>(std::move(outer), cancel);
  }

 private:
  mutable std::mutex mutex_;
  std::optional<Error> error_;
  std::stop_source stop_;
};

}  // namespace stillpoint::pipeline

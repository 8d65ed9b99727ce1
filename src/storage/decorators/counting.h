// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>

#include "storage/decorators/decorator.h"

namespace stillpoint::storage {

// Calls, the bytes of those that succeeded, and failures. That an object is not there, or is there
// already, is an answer and no failure.
struct Counters {
  std::atomic<std::uint64_t> puts = 0;
  std::atomic<std::uint64_t> gets = 0;
  std::atomic<std::uint64_t> stats = 0;
  std::atomic<std::uint64_t> lists = 0;
  std::atomic<std::uint64_t> removes = 0;
  std::atomic<std::uint64_t> bytes_up = 0;
  std::atomic<std::uint64_t> bytes_down = 0;
  std::atomic<std::uint64_t> failures = 0;
};

class Counting : public Decorator {
 public:
  Counting(std::unique_ptr<Backend> inner, std::shared_ptr<Counters> counters)
      : Decorator(std::move(inner)), counters_(std::move(counters)) {}

  using Backend::get;
  Result<void> put(std::string_view name, ByteView bytes, PutMode mode) override;
  Result<Bytes> get(std::string_view name, ByteRange range) override;
  Result<ObjectInfo> stat(std::string_view name) override;
  Result<void> list(std::string_view prefix, const Visit& visit) override;
  Result<void> remove(std::string_view name) override;

 private:
  template <class T>
  Result<T> counted(std::atomic<std::uint64_t>& calls, Result<T> result);

  std::shared_ptr<Counters> counters_;
};

}  // namespace stillpoint::storage

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <stop_token>

#include "base/guarded.h"
#include "storage/decorators/decorator.h"
#include "storage/decorators/timer.h"

namespace stillpoint::storage {

// A token bucket that holds what one second allows. More may be taken than it holds: who takes then
// waits until it would have been there, so objects of any size keep the rate on average.
class RateLimit {
 public:
  RateLimit(std::uint64_t bytes_per_second, Timer timer);  // 0: no limit
  Result<void> take(std::uint64_t bytes, const std::stop_token& stop);

 private:
  struct Bucket {
    double bytes = 0;
    Timer::Clock::time_point filled = {};
  };
  double rate_;
  Timer timer_;
  base::Guarded<Bucket> bucket_;
};

struct Rates {
  std::uint64_t up = 0;  // bytes a second; 0: no limit
  std::uint64_t down = 0;
};

// Limits the bytes of puts and gets. A stop request ends waits with `cancelled`.
class Limited : public Decorator {
 public:
  Limited(std::unique_ptr<Backend> inner, Rates rates, std::stop_token stop,
          const Timer& timer = Timer::real());

  using Backend::get;
  Result<void> put(std::string_view name, ByteView bytes, PutMode mode) override;
  Result<Bytes> get(std::string_view name, ByteRange range) override;

 private:
  std::stop_token stop_;
  RateLimit up_;
  RateLimit down_;
};

}  // namespace stillpoint::storage

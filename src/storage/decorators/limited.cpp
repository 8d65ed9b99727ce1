// SPDX-License-Identifier: Apache-2.0
#include "storage/decorators/limited.h"

#include <algorithm>

namespace stillpoint::storage {

RateLimit::RateLimit(std::uint64_t bytes_per_second, Timer timer)
    : rate_(static_cast<double>(bytes_per_second)),
      timer_(std::move(timer)),
      bucket_(Bucket{rate_, timer_.now()}) {}

Result<void> RateLimit::take(std::uint64_t bytes, const std::stop_token& stop) {
  using Seconds = std::chrono::duration<double>;
  if (rate_ == 0) return {};
  const double missing = bucket_.with([&](Bucket& bucket) {
    const auto now = timer_.now();
    bucket.bytes = std::min(rate_, bucket.bytes + rate_ * Seconds(now - bucket.filled).count());
    bucket.filled = now;
    bucket.bytes -= static_cast<double>(bytes);
    return -bucket.bytes;
  });
  if (missing <= 0) return {};
  const auto time = std::chrono::duration_cast<Timer::Clock::duration>(Seconds(missing / rate_));
  if (timer_.wait(time, stop)) return {};
  return fail(Errc::cancelled, "stopped while waiting for the rate limit");
}

Limited::Limited(std::unique_ptr<Backend> inner, Rates rates, std::stop_token stop,
                 const Timer& timer)
    : Decorator(std::move(inner)),
      stop_(std::move(stop)),
      up_(rates.up, timer),
      down_(rates.down, timer) {}

Result<void> Limited::put(std::string_view name, ByteView bytes, PutMode mode) {
  TRY_DURING(fmt::format("put {}", name), up_.take(bytes.size(), stop_));
  return inner().put(name, bytes, mode);
}

Result<Bytes> Limited::get(std::string_view name, ByteRange range) {
  // Paid for afterwards: only then is it known how much it was.
  Bytes bytes = TRY(inner().get(name, range));
  TRY_DURING(fmt::format("get {}", name), down_.take(bytes.size(), stop_));
  return bytes;
}

}  // namespace stillpoint::storage

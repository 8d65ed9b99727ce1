// SPDX-License-Identifier: Apache-2.0
#include "storage/decorators/retrying.h"

#include <algorithm>
#include <vector>

namespace stillpoint::storage {

Retrying::Retrying(std::unique_ptr<Backend> inner, std::stop_token stop, Timer timer, int tries_max)
    : Decorator(std::move(inner)),
      stop_(std::move(stop)),
      timer_(std::move(timer)),
      tries_max_(tries_max),
      random_([] {  // not the same for all: several programs shall not come back at once
        std::uint64_t seed = 0;
        base::secure_random({reinterpret_cast<Byte*>(&seed), sizeof seed});
        return seed;
      }()) {}

Result<void> Retrying::wait(int tries, const Error& error) {
  using std::chrono::milliseconds;
  milliseconds time = limits::storage_wait_first;
  for (int i = 1; i < tries && time < limits::storage_wait_max; ++i) time *= 2;
  time = std::min<milliseconds>(time, limits::storage_wait_max);
  const auto half = static_cast<std::uint64_t>(time.count() / 2);
  const std::uint64_t jitter = random_.with([&](auto& random) { return random.below(half + 1); });
  if (timer_.wait(milliseconds(half + jitter), stop_)) return {};
  return fail(Errc::cancelled, "stopped while waiting to try again after: {}", error.message);
}

template <class F>
auto Retrying::retry(F&& call) -> decltype(call()) {
  for (int tries = 1;; ++tries) {
    auto result = call();
    if (result || result.error().code != Errc::unavailable) return result;
    if (tries >= tries_max_) {
      Error error = std::move(result).error();
      if (tries > 1) error.message += fmt::format(" (tried {} times)", tries);
      return fail(std::move(error));
    }
    TRY(wait(tries, result.error()));
  }
}

Result<void> Retrying::put(std::string_view name, ByteView bytes, PutMode mode) {
  bool unknown = false;  // whether an earlier try may have put the object
  Result<void> done = retry([&] {
    Result<void> result = inner().put(name, bytes, mode);
    unknown = unknown || (!result && result.error().code == Errc::unavailable);
    return result;
  });
  if (done || done.error().code != Errc::already_exists || !unknown) return done;
  const Result<Bytes> stored = get(name, {});
  if (!stored && stored.error().code != Errc::not_found) return fail(stored.error());
  const bool ours =
      stored && std::equal(stored->begin(), stored->end(), bytes.begin(), bytes.end());
  return ours ? Result<void>() : done;
}

Result<Bytes> Retrying::get(std::string_view name, ByteRange range) {
  return retry([&] { return inner().get(name, range); });
}

Result<ObjectInfo> Retrying::stat(std::string_view name) {
  return retry([&] { return inner().stat(name); });
}

Result<void> Retrying::list(std::string_view prefix, const Visit& visit) {
  std::vector<ObjectInfo> found;
  const auto collect = [&](const ObjectInfo& info) -> Result<void> {
    found.push_back(info);
    return {};
  };
  TRY(retry([&] {
    found.clear();
    return inner().list(prefix, collect);
  }));
  for (const ObjectInfo& info : found) TRY(visit(info));
  return {};
}

Result<void> Retrying::remove(std::string_view name) {
  return retry([&] { return inner().remove(name); });
}

}  // namespace stillpoint::storage

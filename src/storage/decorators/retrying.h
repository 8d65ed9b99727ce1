// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <stop_token>

#include "base/guarded.h"
#include "base/limits.h"
#include "base/random.h"
#include "storage/decorators/decorator.h"
#include "storage/decorators/timer.h"

namespace stillpoint::storage {

// Tries again what was `unavailable`, after waits that double, up to `tries_max` tries in all. A
// stop request ends the waits but not first tries: who is stopped still removes its lock.
class Retrying : public Decorator {
 public:
  Retrying(std::unique_ptr<Backend> inner, std::stop_token stop, Timer timer = Timer::real(),
           int tries_max = limits::storage_tries_max);

  using Backend::get;
  // A create_only put that failed may have had its effect: when it then finds our bytes, it was us.
  Result<void> put(std::string_view name, ByteView bytes, PutMode mode) override;
  Result<Bytes> get(std::string_view name, ByteRange range) override;
  Result<ObjectInfo> stat(std::string_view name) override;
  // Visits nothing before the whole list is there, so that no name comes twice.
  Result<void> list(std::string_view prefix, const Visit& visit) override;
  Result<void> remove(std::string_view name) override;

 private:
  template <class F>
  auto retry(F&& call) -> decltype(call());
  Result<void> wait(int tries, const Error& error);

  std::stop_token stop_;
  Timer timer_;
  int tries_max_;
  base::Guarded<base::Random> random_;
};

}  // namespace stillpoint::storage

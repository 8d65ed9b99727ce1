// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/guarded.h"
#include "storage/decorators/decorator.h"

namespace stillpoint::storage {

// Tells of a call that does not come back: a network file system whose server is gone, a disk that
// no longer answers. Such a call cannot be ended, nor left alone while our lock is kept fresh: it
// may still do what it was asked to. So `hung`, which is called once for each, from a thread of its
// own, has to end the process. Then its lock expires, and others go on.
// Time in which this process was stopped does not count; what a list has visited counts as a sign
// of life.
class Watched : public Decorator {
 public:
  using Hung = std::function<void(const Error&)>;
  Watched(std::unique_ptr<Backend> inner, base::Duration limit, Hung hung);

  using Backend::get;
  Result<void> put(std::string_view name, ByteView bytes, PutMode mode) override;
  Result<Bytes> get(std::string_view name, ByteRange range) override;
  Result<ObjectInfo> stat(std::string_view name) override;
  Result<void> list(std::string_view prefix, const Visit& visit) override;
  Result<void> remove(std::string_view name) override;

 private:
  struct Call {
    std::string what = {};
    int looks = 0;  // of the watcher, since it began
  };
  using Calls = std::list<Call>;
  class Running;
  void look(base::Duration limit, const Hung& hung);

  base::Guarded<Calls> calls_;
  std::jthread watcher_;
};

}  // namespace stillpoint::storage

// SPDX-License-Identifier: Apache-2.0
#include "storage/decorators/watched.h"

#include <vector>

#include "base/sleep.h"
#include "base/text.h"

namespace stillpoint::storage {
namespace {

constexpr int looks_max = 20;

}  // namespace

class Watched::Running {
 public:
  Running(base::Guarded<Calls>& calls, std::string_view what, std::string_view name)
      : calls_(calls), call_(calls.with([&](Calls& all) {
          return all.insert(all.end(), Call{fmt::format("{} {}", what, name)});
        })) {}
  ~Running() {
    calls_.with([&](Calls& all) { all.erase(call_); });
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  void live() {
    calls_.with([&](Calls&) { call_->looks = 0; });
  }

 private:
  base::Guarded<Calls>& calls_;
  const Calls::iterator call_;
};

Watched::Watched(std::unique_ptr<Backend> inner, base::Duration limit, Hung hung)
    : Decorator(std::move(inner)),
      watcher_([this, limit, hung = std::move(hung)](const std::stop_token& stop) {
        while (base::sleep_for(limit / looks_max, stop)) look(limit, hung);
      }) {}

// By how often it was seen, and not by the clock: who was stopped has seen nothing meanwhile.
void Watched::look(base::Duration limit, const Hung& hung) {
  std::vector<std::string> late;
  calls_.with([&](Calls& all) {
    for (Call& call : all) {
      if (++call.looks == looks_max) late.push_back(call.what);
    }
  });
  for (const std::string& what : late) {
    hung({Errc::unavailable,
          fmt::format("{}: {}: no answer for {}", url(), what, base::display_duration(limit)),
          "see whether the storage works; then run the same command again"});
  }
}

Result<void> Watched::put(std::string_view name, ByteView bytes, PutMode mode) {
  const Running running(calls_, "put", name);
  return inner().put(name, bytes, mode);
}

Result<Bytes> Watched::get(std::string_view name, ByteRange range) {
  const Running running(calls_, "get", name);
  return inner().get(name, range);
}

Result<ObjectInfo> Watched::stat(std::string_view name) {
  const Running running(calls_, "stat", name);
  return inner().stat(name);
}

Result<void> Watched::list(std::string_view prefix, const Visit& visit) {
  Running running(calls_, "list", prefix);
  return inner().list(prefix, [&](const ObjectInfo& info) -> Result<void> {
    running.live();
    return visit(info);
  });
}

Result<void> Watched::remove(std::string_view name) {
  const Running running(calls_, "remove", name);
  return inner().remove(name);
}

}  // namespace stillpoint::storage

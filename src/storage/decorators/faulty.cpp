// SPDX-License-Identifier: Apache-2.0
#include "storage/decorators/faulty.h"

namespace stillpoint::storage {

Faulty::Faulty(std::unique_ptr<Backend> inner, std::vector<Fault> faults)
    : Decorator(std::move(inner)) {
  plans_.with([&](auto& plans) {
    for (const Fault& fault : faults) plans.push_back({fault});
  });
}

std::optional<Fault> Faulty::next(Operation operation) {
  return plans_.with([&](std::vector<Plan>& plans) {
    std::optional<Fault> strikes;
    for (Plan& plan : plans) {
      const Fault& fault = plan.fault;
      if (fault.operation != Operation::any && fault.operation != operation) continue;
      ++plan.calls;
      if (plan.calls >= fault.at && plan.calls - fault.at < fault.times) strikes = fault;
    }
    return strikes;
  });
}

template <class F>
auto Faulty::call(Operation operation, F&& forward) -> decltype(forward()) {
  using Answer = decltype(forward());
  const std::optional<Fault> fault = next(operation);
  const auto failure = [&] { return fail(fault->code, "{}: a fault made to order", url()); };
  if (!fault) return forward();
  if (fault->kind == Fault::Kind::before) return failure();
  Answer answer = forward();
  if (fault->kind == Fault::Kind::after) return failure();
  if constexpr (std::is_same_v<Answer, Result<Bytes>>) {
    if (answer) answer->resize(answer->size() / 2);
  }
  return answer;
}

Result<void> Faulty::put(std::string_view name, ByteView bytes, PutMode mode) {
  return call(Operation::put, [&] { return inner().put(name, bytes, mode); });
}

Result<Bytes> Faulty::get(std::string_view name, ByteRange range) {
  return call(Operation::get, [&] { return inner().get(name, range); });
}

Result<ObjectInfo> Faulty::stat(std::string_view name) {
  return call(Operation::stat, [&] { return inner().stat(name); });
}

Result<void> Faulty::list(std::string_view prefix, const Visit& visit) {
  return call(Operation::list, [&] { return inner().list(prefix, visit); });
}

Result<void> Faulty::remove(std::string_view name) {
  return call(Operation::remove, [&] { return inner().remove(name); });
}

}  // namespace stillpoint::storage

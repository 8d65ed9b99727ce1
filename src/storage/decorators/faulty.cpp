// SPDX-License-Identifier: Apache-2.0
#include "storage/decorators/faulty.h"

namespace stillpoint::storage {

using Kind = Fault::Kind;

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
auto Faulty::call(Operation operation, F&& forward) -> decltype(forward(false)) {
  using Answer = decltype(forward(false));
  const std::optional<Fault> fault = next(operation);
  const auto failure = [&] { return fail(fault->code, "{}: a fault made to order", url()); };
  if (!fault) return forward(false);
  if (fault->kind == Kind::before) return failure();
  const bool torn = fault->kind == Kind::torn || fault->kind == Kind::torn_silently;
  Answer answer = forward(torn);
  if (fault->kind == Kind::after || (fault->kind == Kind::torn && operation == Operation::put)) {
    return failure();
  }
  if constexpr (std::is_same_v<Answer, Result<Bytes>>) {
    if (answer && fault->kind == Kind::truncate) answer->resize(answer->size() / 2);
  }
  return answer;
}

Result<void> Faulty::put(std::string_view name, ByteView bytes, PutMode mode) {
  return call(Operation::put, [&](bool torn) {
    return inner().put(name, torn ? bytes.first(bytes.size() / 2) : bytes, mode);
  });
}

Result<Bytes> Faulty::get(std::string_view name, ByteRange range) {
  return call(Operation::get, [&](bool) { return inner().get(name, range); });
}

Result<ObjectInfo> Faulty::stat(std::string_view name) {
  return call(Operation::stat, [&](bool) { return inner().stat(name); });
}

Result<void> Faulty::list(std::string_view prefix, const Visit& visit) {
  return call(Operation::list, [&](bool) { return inner().list(prefix, visit); });
}

Result<void> Faulty::remove(std::string_view name) {
  return call(Operation::remove, [&](bool) { return inner().remove(name); });
}

}  // namespace stillpoint::storage

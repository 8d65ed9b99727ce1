// SPDX-License-Identifier: Apache-2.0
// Failures made to order, for tests.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/guarded.h"
#include "storage/decorators/decorator.h"

namespace stillpoint::storage {

enum class Operation { any, put, get, stat, list, remove };

struct Fault {
  enum class Kind {
    before,         // fails, and nothing has happened
    after,          // fails, and it has happened nevertheless
    truncate,       // a get gives only the first half of its bytes, as if that were all
    torn,           // a put stores only the first half of its bytes, and fails
    torn_silently,  // the same, and it says that all is well
  };
  Operation operation = Operation::any;
  int at = 1;     // the first call that it strikes, counted from 1 for each operation (or all)
  int times = 1;  // and how many calls from there on
  Kind kind = Kind::before;
  Errc code = Errc::unavailable;
};

class Faulty : public Decorator {
 public:
  Faulty(std::unique_ptr<Backend> inner, std::vector<Fault> faults);

  using Backend::get;
  Result<void> put(std::string_view name, ByteView bytes, PutMode mode) override;
  Result<Bytes> get(std::string_view name, ByteRange range) override;
  Result<ObjectInfo> stat(std::string_view name) override;
  Result<void> list(std::string_view prefix, const Visit& visit) override;
  Result<void> remove(std::string_view name) override;

 private:
  struct Plan {
    Fault fault;
    int calls = 0;
  };
  // Counts the call; the fault that strikes it.
  std::optional<Fault> next(Operation operation);
  template <class F>
  auto call(Operation operation, F&& forward) -> decltype(forward(false));  // whether torn

  base::Guarded<std::vector<Plan>> plans_;
};

}  // namespace stillpoint::storage

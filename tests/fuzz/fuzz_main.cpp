// SPDX-License-Identifier: Apache-2.0
// The entry of a libFuzzer program; FUZZ_TARGET names which decoder it is.
#include "tests/fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto& target = [&]() -> const stillpoint::fuzz::Target& {
    for (const auto& one : stillpoint::fuzz::targets()) {
      if (one.name == FUZZ_TARGET) return one;
    }
    __builtin_trap();
  }();
  target.decode({data, size});
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
// The entry of a libFuzzer program; FUZZ_TARGET names which decoder it is.
#include <cstdlib>
#include <fstream>

#include "tests/fuzz/targets.h"

namespace {

const stillpoint::fuzz::Target& target() {
  static const auto& found = []() -> const stillpoint::fuzz::Target& {
    for (const auto& one : stillpoint::fuzz::targets()) {
      if (one.name == FUZZ_TARGET) return one;
    }
    __builtin_trap();
  }();
  return found;
}

}  // namespace

// With STILLPOINT_EXAMPLE the target's example is written to that file, and that is all.
extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  if (const char* path = std::getenv("STILLPOINT_EXAMPLE")) {
    std::ofstream(path, std::ios::binary) << target().example;
    std::exit(0);
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  target().decode({data, size});
  return 0;
}

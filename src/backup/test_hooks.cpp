// SPDX-License-Identifier: Apache-2.0
#include "backup/test_hooks.h"

#include <cstdlib>
#include <string_view>

namespace stillpoint::backup {

TestHooks test_hooks() {
  TestHooks hooks;
#ifdef STILLPOINT_TEST_HOOKS
  if (const char* gap = std::getenv("STILLPOINT_TEST_OPENING_GAP_MS"); gap != nullptr) {
    hooks.opening_gap = std::chrono::milliseconds(std::strtol(gap, nullptr, 10));
  }
  const char* gate = std::getenv("STILLPOINT_TEST_GATE");
  hooks.gate_opens_early = gate != nullptr && std::string_view(gate) == "early";
#endif
  return hooks;
}

}  // namespace stillpoint::backup

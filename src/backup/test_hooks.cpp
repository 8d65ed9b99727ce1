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
  if (const char* answer = std::getenv("STILLPOINT_TEST_STORAGE_ANSWER_MS"); answer != nullptr) {
    hooks.storage_answer = std::chrono::milliseconds(std::strtol(answer, nullptr, 10));
  }
  const auto is = [](const char* name, std::string_view value) {
    const char* text = std::getenv(name);
    return text != nullptr && text == value;
  };
  hooks.gate_opens_early = is("STILLPOINT_TEST_GATE", "early");
  hooks.keep_torn = is("STILLPOINT_TEST_KEEP", "torn");
#endif
  return hooks;
}

}  // namespace stillpoint::backup

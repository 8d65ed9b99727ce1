// SPDX-License-Identifier: Apache-2.0
// What this process has in memory, as the system sees it.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>

namespace stillpoint::scale {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool sanitized = true;  // a sanitizer's memory is its own
#else
inline constexpr bool sanitized = false;
#endif

// At the sizes that matter, not at those for every day.
inline bool full() {
  return std::getenv("STILLPOINT_FULL") != nullptr;
}

// A line of /proc/self/status, in bytes: "VmHWM" is the most memory that was resident since the
// peak was forgotten.
inline std::uint64_t status_bytes(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name + ":")) return std::stoull(line.substr(name.size() + 1)) * 1024;
  }
  return 0;
}

inline void forget_peak() {
  std::ofstream("/proc/self/clear_refs") << "5";
}

}  // namespace stillpoint::scale

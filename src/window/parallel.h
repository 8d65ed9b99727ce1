// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <thread>
#include <vector>

namespace stillpoint::window {

// More instances than these in one window are refused: each has a thread of its own while it is
// asked.
inline constexpr std::size_t instances_max = 256;

// Runs work(0) … work(count - 1) at the same time, each on a thread of its own, and waits for all.
inline void all_at_once(std::size_t count, const std::function<void(std::size_t)>& work) {
  std::vector<std::jthread> threads;
  for (std::size_t i = 1; i < count; ++i) threads.emplace_back([&work, i] { work(i); });
  if (count > 0) work(0);
}

}  // namespace stillpoint::window

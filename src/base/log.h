// SPDX-License-Identifier: Apache-2.0
// The program's talk with whoever operates it, on stderr. Never secrets, never data of a row.
// error: somebody must act; warning: somebody should know; info: what happened; debug: how.
#pragma once

#include <functional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace stillpoint::base {

enum class LogLevel { debug, info, warning, error };

void set_log_level(LogLevel least);
// Called around each line that is printed, so that a progress bar can step aside. Null: nothing.
void set_log_hook(std::function<void()> before, std::function<void()> after);
void log_text(LogLevel level, std::string_view text);

template <class... Args>
void log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
  log_text(level, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace stillpoint::base

namespace stillpoint {
using base::log;
using base::LogLevel;
}  // namespace stillpoint

// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <memory>
#include <mutex>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace stillpoint::base {
namespace {

struct Hook {
  std::function<void()> before;
  std::function<void()> after;
};

std::mutex& hook_mutex() {
  static std::mutex mutex;
  return mutex;
}

Hook& hook() {
  static Hook value;
  return value;
}

spdlog::logger& logger() {
  static const std::shared_ptr<spdlog::logger> value = [] {
    auto made = std::make_shared<spdlog::logger>("stillpoint",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%l: %v");
    made->set_level(spdlog::level::info);
    return made;
  }();
  return *value;
}

spdlog::level::level_enum level_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

}  // namespace

void set_log_level(LogLevel least) {
  logger().set_level(level_of(least));
}

void set_log_hook(std::function<void()> before, std::function<void()> after) {
  const std::lock_guard lock(hook_mutex());
  hook() = {std::move(before), std::move(after)};
}

void log_text(LogLevel level, std::string_view text) {
  const std::lock_guard lock(hook_mutex());
  if (hook().before) hook().before();
  logger().log(level_of(level), text);
  if (hook().after) hook().after();
}

}  // namespace stillpoint::base

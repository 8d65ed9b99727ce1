// SPDX-License-Identifier: Apache-2.0
// Result<T> and TRY: how everything that can fail outside of the program reports it.
#pragma once

#include <type_traits>
#include <utility>

#include <fmt/format.h>
#include <tl/expected.hpp>

#include "base/error.h"

namespace stillpoint::base {

template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
  using Value = T;
};

// Ends the function with a failure: return fail(Errc::invalid, "part {} is too large", number);
template <class... Args>
tl::unexpected<Error> fail(Errc code, fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected<Error>(Error{code, fmt::format(format, std::forward<Args>(args)...), {}});
}

inline tl::unexpected<Error> fail(Error error) {
  return tl::unexpected<Error>(std::move(error));
}

namespace detail {

template <class T>
T take(Result<T>&& result) {
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

inline Error during(Error&& error, std::string_view what) {
  return std::move(error).during(what);
}

}  // namespace detail
}  // namespace stillpoint::base

namespace stillpoint {
using base::Errc;
using base::Error;
using base::fail;
using base::Result;
}  // namespace stillpoint

#define STILLPOINT_JOIN_(a, b) a##b
#define STILLPOINT_JOIN(a, b) STILLPOINT_JOIN_(a, b)

#define STILLPOINT_TRY(name, error_expression, ...)                                  \
  __extension__({                                                                    \
    auto name = (__VA_ARGS__);                                                       \
    if (!name) return ::tl::unexpected<::stillpoint::base::Error>(error_expression); \
    ::stillpoint::base::detail::take(std::move(name));                               \
  })

// The value of a Result, or the end of the function with its error.
#define TRY(...) STILLPOINT_TRY_1(STILLPOINT_JOIN(try_result_, __COUNTER__), __VA_ARGS__)
#define STILLPOINT_TRY_1(name, ...) STILLPOINT_TRY(name, std::move(name).error(), __VA_ARGS__)

// The same, naming what was being done: TRY_DURING("read config", backend.get("config"))
#define TRY_DURING(what, ...) \
  STILLPOINT_TRY_2(STILLPOINT_JOIN(try_result_, __COUNTER__), what, __VA_ARGS__)
#define STILLPOINT_TRY_2(name, what, ...)                                                 \
  STILLPOINT_TRY(name, ::stillpoint::base::detail::during(std::move(name).error(), what), \
                 __VA_ARGS__)

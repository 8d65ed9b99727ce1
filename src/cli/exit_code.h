// SPDX-License-Identifier: Apache-2.0
// The exit codes that scripts rely on; documented in docs/user/scripting.md. 10 to 12 and 130 are
// restic's.
#pragma once

#include "base/error.h"

namespace stillpoint::cli {

inline constexpr int exit_done = 0;
inline constexpr int exit_failed = 1;
inline constexpr int exit_usage = 2;
inline constexpr int exit_left_out = 3;  // done, but for something that was named
inline constexpr int exit_no_repository = 10;
inline constexpr int exit_locked = 11;
inline constexpr int exit_wrong_password = 12;
inline constexpr int exit_unproven = 20;
inline constexpr int exit_not_held = 21;
inline constexpr int exit_still_held = 22;
inline constexpr int exit_interrupted = 130;

inline int exit_code_of(base::Errc code) {
  switch (code) {
    case base::Errc::no_repository:
      return exit_no_repository;
    case base::Errc::locked:
      return exit_locked;
    case base::Errc::wrong_password:
      return exit_wrong_password;
    case base::Errc::unproven:
      return exit_unproven;
    case base::Errc::not_held:
      return exit_not_held;
    case base::Errc::still_held:
      return exit_still_held;
    case base::Errc::cancelled:
      return exit_interrupted;
    default:
      return exit_failed;
  }
}

}  // namespace stillpoint::cli

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace stillpoint::base {

// What a caller can do about a failure. The program's exit codes follow from it
// (docs/user/scripting.md).
enum class Errc {
  invalid,         // the request itself is wrong: change it
  not_found,       // what was named does not exist
  already_exists,  // what was to be made exists
  denied,          // permissions, read-only media
  no_space,        // disk or quota is full
  corrupt,        // stored bytes are not what they should be; never retried, never skipped silently
  unavailable,    // may succeed when tried again
  busy,           // somebody else holds it
  unsupported,    // we do not do that, and say so
  cancelled,      // a signal or a stop request ended it
  no_repository,  // there is no repository at that place
  locked,         // the repository is locked by somebody
  wrong_password,  // no key of the repository opens with it
  unproven,        // consistency could not be shown, and --allow-unproven was not given
  not_held,        // others could not be held still, or not for the whole window; all are let go
  still_held,      // somebody may still be held still: only a person can help now
  internal,        // our own mistake
};

std::string_view name_of(Errc code);

// A failure as it is shown to a user: what was being done and why it failed, and what to do.
// `message` grows at its front on the way up: "back up shop: read page 7: disk I/O error".
struct [[nodiscard]] Error {
  Errc code = Errc::internal;
  std::string message = {};
  std::string advice = {};

  Error during(std::string_view what) && {
    message = std::string(what) + ": " + message;
    return std::move(*this);
  }
  Error advise(std::string text) && {
    if (advice.empty()) advice = std::move(text);
    return std::move(*this);
  }
};

// The error of a failed system call, from errno: "open /x: permission denied".
Error system_error(std::string_view what, int error_number);

}  // namespace stillpoint::base

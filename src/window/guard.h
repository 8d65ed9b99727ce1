// SPDX-License-Identifier: Apache-2.0
// A process of its own that lets go when the one that pauses cannot: because it was killed, is
// stopped, or hangs. It holds the end of a pipe and the journal's lock, and does nothing until the
// pipe closes or the time is over. kill -9 of both leaves the journal, for the next start.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/helper.h"
#include "window/journal.h"
#include "window/letting_go.h"

namespace stillpoint::window {

class Guard {
 public:
  // This program once more: its main() has to call stand_guard() for the role. It stands when this
  // returns.
  static Result<Guard> start(const Journal& journal, base::Duration limit);
  Guard() = default;
  Guard(Guard&& other) noexcept = default;
  Guard& operator=(Guard&& other) noexcept;
  ~Guard();  // without dismiss(): it begins to let go

  void dismiss();                        // everything is let go; it ends
  void leave_alone();                    // it stands until its limit, also when we are gone
  void set_limit(base::Duration limit);  // from now on

 private:
  explicit Guard(base::Helper helper);
  std::unique_ptr<base::Helper> helper_;
};

// The guard's side, until there is nothing left to do. How long it tries to let go: `tries`.
inline constexpr std::string_view guard_role = "guard-window";
Result<void> stand_guard(const std::vector<std::string>& words, base::Duration tries);

}  // namespace stillpoint::window

// SPDX-License-Identifier: Apache-2.0
// This program started once more, for what must not share our process: because it has to end at its
// own time whatever becomes of us, or because a library allows it in a process of its own only.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/result.h"

namespace stillpoint::base {

// One thread at a time.
class Helper {
 public:
  // Whether this program can be a helper: its main() has called helper_role().
  static bool available();
  // In a session of its own, which neither ^C nor the end of a terminal reaches. Everybody can see
  // `words` in ps. It learns of our end by the end of its stdin.
  static Result<Helper> start(std::string_view role, const std::vector<std::string>& words);

  Helper(Helper&& other) noexcept;
  Helper& operator=(Helper&& other) = delete;
  ~Helper();  // kills it

  Result<void> tell(std::string_view line) const;
  // The next line that it says; `unavailable` when it has ended or the time is over.
  Result<std::string> hear(Deadline deadline);

 private:
  Helper(pid_t process, File line) : process_(process), line_(std::move(line)) {}

  pid_t process_;
  File line_;          // a socket: its stdin and stdout
  std::string heard_;  // of the lines after the last one
};

// To be called first in main(): the role and the words when this process was started as a helper.
struct HelperRole {
  std::string name = {};
  std::vector<std::string> words = {};
};
std::optional<HelperRole> helper_role(int argc, char** argv);

// The helper's side: to whoever started it, and from there; false at the end.
void helper_say(std::string_view line);
bool helper_listen(std::string& line);

}  // namespace stillpoint::base

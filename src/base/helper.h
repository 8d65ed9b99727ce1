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

// Lines that come through a pipe or a socket.
class LineReader {
 public:
  explicit LineReader(File file) : file_(std::move(file)) {}
  // `unavailable` at the end and when the time is over.
  Result<std::string> next(Deadline deadline);
  const File& file() const { return file_; }

 private:
  File file_;
  std::string heard_ = {};  // of the lines after the last one
};

// One thread at a time.
class Helper {
 public:
  // Whether this program can be a helper: its main() has called helper_role().
  static bool available();
  // In a session of its own, which neither ^C nor the end of a terminal reaches. Everybody can see
  // `words` in ps. It learns of our end by the end of its stdin. `handed` is a descriptor that it
  // gets, as helper_handed.
  static Result<Helper> start(std::string_view role, const std::vector<std::string>& words,
                              std::optional<int> handed = std::nullopt);

  Helper(Helper&& other) noexcept;
  Helper& operator=(Helper&& other) noexcept;
  ~Helper();        // kills it, unless one of these was called:
  void wait();      // until it has ended by itself
  void set_free();  // it goes on; its stdin ends

  Result<void> tell(std::string_view line) const;
  // The next line that it says; `unavailable` when it has ended or the time is over.
  Result<std::string> hear(Deadline deadline);

 private:
  Helper(pid_t process, File line) : process_(process), line_(std::move(line)) {}

  pid_t process_;
  LineReader line_;  // of a socket: its stdin and stdout
};

// To be called first in main(): the role and the words when this process was started as a helper.
struct HelperRole {
  std::string name = {};
  std::vector<std::string> words = {};
};
std::optional<HelperRole> helper_role(int argc, char** argv);

// The helper's side: to whoever started it, and from there, as LineReader does.
void helper_say(std::string_view line);
Result<std::string> helper_hear(Deadline deadline);
inline constexpr int helper_handed = 3;

}  // namespace stillpoint::base

// SPDX-License-Identifier: Apache-2.0
#include "base/secret_source.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/process.h"

namespace stillpoint::base {

Result<Secret> first_line(std::string_view text, std::string_view from) {
  const std::size_t end = text.find_first_of("\r\n");
  Secret secret{std::string(text.substr(0, end))};
  if (secret.reveal().empty()) {
    return fail(Error{Errc::invalid, "the password from " + std::string(from) + " is empty",
                      "its first line is the password; an empty one is refused"});
  }
  return secret;
}

Result<Secret> read_password_file(const std::string& path) {
  const Bytes text =
      TRY_DURING("read the password file", read_file(path, limits::password_bytes_max));
  return first_line(text_of(text), path);
}

Result<Secret> ask_password_command(const std::string& command) {
  const Result<std::string> text =
      run_command(command, limits::password_command_time, limits::password_bytes_max);
  if (!text) {
    return fail(Error(text.error())
                    .during("ask the password command")
                    .advise("run it by hand: it must print the password, and nothing else, on "
                            "stdout and exit with 0"));
  }
  return first_line(*text, "the password command");
}

}  // namespace stillpoint::base

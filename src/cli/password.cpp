// SPDX-License-Identifier: Apache-2.0
#include "cli/password.h"

#include <cstdlib>
#include <optional>

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include "base/file.h"
#include "base/secret_source.h"

namespace stillpoint::cli {
namespace {

std::string environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? "" : value;
}

// Reads a line from the terminal without showing it.
Result<std::string> ask(const base::File& terminal, std::string_view question) {
  TRY(terminal.write(base::view_of(question)));
  termios before = {};
  ::tcgetattr(terminal.descriptor(), &before);
  termios silent = before;
  silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  ::tcsetattr(terminal.descriptor(), TCSAFLUSH, &silent);
  std::string line;
  char c = 0;
  while (::read(terminal.descriptor(), &c, 1) == 1 && c != '\n') line += c;
  ::tcsetattr(terminal.descriptor(), TCSAFLUSH, &before);
  TRY(terminal.write(base::view_of("\n")));
  return line;
}

Result<base::Secret> from_terminal(const std::string& whose, bool twice,
                                   const std::string& advice) {
  auto terminal = base::File::open("/dev/tty", O_RDWR);
  if (!terminal || !::isatty(STDIN_FILENO)) {
    return fail(Error{Errc::invalid, "no " + whose + " was given for the repository", advice});
  }
  std::string password = TRY(ask(*terminal, whose + " of the repository: "));
  if (password.empty()) return fail(Errc::invalid, "the password is empty");
  if (twice && TRY(ask(*terminal, "the same again: ")) != password) {
    return fail(Errc::invalid, "the two passwords differ");
  }
  return base::Secret(std::move(password));
}

// One place where a password may come from: its value, a file's name, a command.
Result<std::optional<base::Secret>> from_source(const std::string& value, const std::string& file,
                                                const std::string& command,
                                                const std::string& where) {
  if (!file.empty()) return std::optional<base::Secret>(TRY(base::read_password_file(file)));
  if (!command.empty())
    return std::optional<base::Secret>(TRY(base::ask_password_command(command)));
  if (!value.empty()) return std::optional<base::Secret>(TRY(base::first_line(value, where)));
  return std::optional<base::Secret>();
}

}  // namespace

Result<base::Secret> find_password(const GlobalOptions& options, const Config& config, bool twice) {
  if (auto given = TRY(from_source("", options.password_file, options.password_command, ""))) {
    return std::move(*given);
  }
  const auto of_environment = [](const std::string& prefix) {
    return from_source(environment(prefix), environment(prefix + "_FILE"),
                       environment(prefix + "_COMMAND"), prefix);
  };
  if (auto ours = TRY(of_environment("STILLPOINT_PASSWORD"))) return std::move(*ours);
  if (auto written = TRY(from_source("", config.password_file, config.password_command, ""))) {
    return std::move(*written);
  }
  if (auto restics = TRY(of_environment("RESTIC_PASSWORD"))) return std::move(*restics);
  return from_terminal("password", twice,
                       "give --password-file or --password-command, or set STILLPOINT_PASSWORD");
}

Result<base::Secret> find_new_password(const PasswordOptions& options) {
  if (auto given = TRY(given_password(options))) return std::move(*given);
  const std::string name = "STILLPOINT_NEW_PASSWORD";
  if (auto set = TRY(from_source(environment(name), environment(name + "_FILE"),
                                 environment(name + "_COMMAND"), name))) {
    return std::move(*set);
  }
  return from_terminal("new password", true,
                       "give --new-password-file or --new-password-command, or set " + name);
}

Result<std::optional<base::Secret>> given_password(const PasswordOptions& options) {
  return from_source("", options.file, options.command, "");
}

}  // namespace stillpoint::cli

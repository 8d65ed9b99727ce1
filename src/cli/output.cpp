// SPDX-License-Identifier: Apache-2.0
#include "cli/output.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/exit_code.h"

namespace stillpoint::cli {
namespace {

// What to do, where whoever failed knew nothing better: from the kind of failure.
std::string_view advice_for(base::Errc code) {
  using base::Errc;
  switch (code) {
    case Errc::invalid:
      return "see: stillpoint --help";
    case Errc::not_found:
      return "check the name and the path";
    case Errc::already_exists:
      return "choose another name, or remove what is there";
    case Errc::denied:
      return "check the owner and the permissions, or run as another user";
    case Errc::no_space:
      return "free some space, or choose another place, and run it again";
    case Errc::corrupt:
      return "bytes were damaged where they are stored: see how much by stillpoint check "
             "--read-data, and use another backup or another copy of the repository";
    case Errc::unavailable:
      return "run it again; if it stays so, look at the storage and its logs";
    case Errc::busy:
      return "end whoever uses it, or wait, and run it again";
    case Errc::unsupported:
      return "see docs/user/guide.md for what is supported";
    case Errc::cancelled:
      return "nothing was changed; run it again when it suits";
    case Errc::no_repository:
      return "check --repo, or create it: stillpoint init";
    case Errc::locked:
      return "wait until whoever holds the lock has ended";
    case Errc::wrong_password:
      return "check where the password comes from";
    case Errc::unproven:
      return "run it again, or accept it with --allow-unproven";
    case Errc::internal:
      return "this is a mistake in stillpoint: please report it";
  }
  return "";
}

// Columns on a terminal, near enough: one for each code point.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

}  // namespace

void print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void print_json(const Json& value) {
  print(value.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
  std::fflush(stdout);
}

void print_error(const base::Error& error, bool json) {
  std::fflush(stdout);
  const std::string advice(error.advice.empty() ? advice_for(error.code) : error.advice);
  std::string text;
  if (json) {
    const Json line = {{"type", "error"},
                       {"code", base::name_of(error.code)},
                       {"message", error.message},
                       {"advice", advice},
                       {"exit_code", exit_code_of(error.code)}};
    text = line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  } else {
    text = "stillpoint: " + base::printable(error.message) + "\n";
    std::string front = "  what to do: ";
    for (const std::string& line : base::split(advice, '\n')) {
      text += std::exchange(front, "    ") + base::printable(line) + "\n";
    }
  }
  std::fwrite(text.data(), 1, text.size(), stderr);
}

std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i] + std::string(widths[i] - width_of(row[i]) + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace stillpoint::cli

// SPDX-License-Identifier: Apache-2.0
#include "cli/output.h"

#include <algorithm>
#include <cstdio>

#include "base/text.h"
#include "cli/exit_code.h"

namespace stillpoint::cli {
namespace {

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
  std::string text;
  if (json) {
    const Json line = {{"type", "error"},
                       {"code", base::name_of(error.code)},
                       {"message", error.message},
                       {"advice", error.advice},
                       {"exit_code", exit_code_of(error.code)}};
    text = line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  } else {
    text = "stillpoint: " + base::printable(error.message) + "\n";
    if (!error.advice.empty()) text += "  what to do: " + base::printable(error.advice) + "\n";
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

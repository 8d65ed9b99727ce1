// SPDX-License-Identifier: Apache-2.0
#include "repository/go_quote.h"

#include <charconv>

#include "base/text.h"

namespace stillpoint::repository {
namespace {

constexpr std::string_view letters = "abfnrtv\\\"'";
constexpr std::string_view meanings = "\a\b\f\n\r\t\v\\\"'";

void append_utf8(std::string& out, std::uint32_t c) {
  const auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | c >> 6);
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | c >> 12);
    put(0x80 | (c >> 6 & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | c >> 18);
    put(0x80 | (c >> 12 & 0x3F));
    put(0x80 | (c >> 6 & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

// Reads `digits` of the base at the front of `text` and removes them.
Result<std::uint32_t> take_number(std::string_view& text, std::size_t digits, int number_base) {
  std::uint32_t value = 0;
  if (text.size() < digits) return fail(Errc::corrupt, "an escape is cut off");
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, value, number_base);
  if (error != std::errc() || end != text.data() + digits) {
    return fail(Errc::corrupt, "an escape that is none");
  }
  text.remove_prefix(digits);
  return value;
}

Result<void> unquote_escape(std::string_view& text, std::string& out) {
  if (text.empty()) return fail(Errc::corrupt, "a backslash at the end");
  const char c = text[0];
  if (const std::size_t known = letters.find(c); known != std::string_view::npos) {
    out += meanings[known];
    text.remove_prefix(1);
    return {};
  }
  if (c >= '0' && c <= '7') {
    const std::uint32_t value = TRY(take_number(text, 3, 8));
    if (value > 255) return fail(Errc::corrupt, "an escape that is none");
    out += static_cast<char>(value);
    return {};
  }
  text.remove_prefix(1);
  if (c == 'x') {
    out += static_cast<char>(TRY(take_number(text, 2, 16)));
  } else if (c == 'u' || c == 'U') {
    const std::uint32_t value = TRY(take_number(text, c == 'u' ? 4 : 8, 16));
    if (value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) {
      return fail(Errc::corrupt, "an escape that is none");
    }
    append_utf8(out, value);
  } else {
    return fail(Errc::corrupt, "an unknown escape");
  }
  return {};
}

}  // namespace

std::string go_quote(std::string_view name) {
  std::string out;
  while (!name.empty()) {
    const char c = name[0];
    const std::size_t length = base::utf8_length(name);
    const std::size_t known = meanings.find(c);
    if (known != std::string_view::npos && c != '\'') {
      out += '\\';
      out += letters[known];
    } else if (length == 0 || static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += name.substr(0, length);
    }
    name.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

Result<std::string> go_unquote(std::string_view quoted) {
  std::string out;
  while (!quoted.empty()) {
    const char c = quoted[0];
    quoted.remove_prefix(1);
    if (c == '\\') {
      TRY(unquote_escape(quoted, out));
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace stillpoint::repository

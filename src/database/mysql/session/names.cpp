// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "database/mysql/session/connection.h"

namespace stillpoint::database::mysql {
namespace {

// What MySQL takes as a name without quotes (and does not take for a number).
bool is_plain(std::string_view name) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto fits = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' || digit(c);
  };
  return !name.empty() && !digit(name[0]) && name[0] != '$' &&
         std::all_of(name.begin(), name.end(), fits);
}

}  // namespace

std::string quote_name(std::string_view name) {
  return in_quotes(name, '`');
}

std::string quote_text(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    switch (c) {
      case '\0':
        out += "\\0";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\x1a':
        out += "\\Z";
        break;
      case '\'':
      case '\\':
        out += '\\';
        [[fallthrough]];
      default:
        out += c;
    }
  }
  return out + "'";
}

std::string quote_qualified(std::string_view schema, std::string_view name) {
  return quote_name(schema) + "." + quote_name(name);
}

std::string display_name(std::string_view name) {
  return is_plain(name) ? std::string(name) : quote_name(name);
}

std::string display_qualified(std::string_view schema, std::string_view name) {
  return display_name(schema) + "." + display_name(name);
}

Result<QualifiedName> parse_qualified(std::string_view text) {
  return database::parse_qualified(
      text, '`',
      "write schema.table; names with other characters than letters, digits, _ "
      "and $ in backquotes: shop.`My Table`");
}

}  // namespace stillpoint::database::mysql

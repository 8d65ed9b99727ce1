// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>

#include "base/text.h"
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

// Takes one name off the front of `text`; nothing where there is none.
std::optional<std::string> take_name(std::string_view& text) {
  std::string name;
  if (!text.starts_with('`')) {
    const std::size_t end = std::min(text.find_first_of(".`"), text.size());
    name = text.substr(0, end);
    text.remove_prefix(end);
    return name.empty() ? std::nullopt : std::optional(name);
  }
  for (std::size_t at = 1; at < text.size(); ++at) {
    if (text[at] != '`') {
      name += text[at];
    } else if (at + 1 < text.size() && text[at + 1] == '`') {
      name += text[at++];
    } else {
      text.remove_prefix(at + 1);
      return name.empty() ? std::nullopt : std::optional(name);
    }
  }
  return std::nullopt;
}

}  // namespace

std::string quote_name(std::string_view name) {
  std::string out = "`";
  for (const char c : name) {
    if (c == '`') out += c;
    out += c;
  }
  return out + "`";
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
  std::string_view rest = text;
  const auto schema = take_name(rest);
  const bool point = rest.starts_with('.');
  if (point) rest.remove_prefix(1);
  const auto name = take_name(rest);
  if (!schema || !point || !name || !rest.empty()) {
    return fail(Error{Errc::invalid, "'" + base::printable(text) + "' is no name of a table",
                      "write schema.table; names with other characters than letters, digits, _ "
                      "and $ in backquotes: shop.`My Table`"});
  }
  return QualifiedName{*schema, *name};
}

}  // namespace stillpoint::database::mysql

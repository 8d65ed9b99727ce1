// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>

#include "base/text.h"
#include "database/postgresql/session/connection.h"

namespace stillpoint::database::postgresql {
namespace {

std::string quoted(std::string_view text, char mark) {
  std::string out(1, mark);
  for (const char c : text) {
    if (c == mark) out += mark;
    out += c;
  }
  return out + mark;
}

bool is_plain(std::string_view name) {
  const auto begins = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
  const auto goes_on = [&](char c) { return begins(c) || (c >= '0' && c <= '9') || c == '$'; };
  return !name.empty() && begins(name[0]) && std::all_of(name.begin(), name.end(), goes_on);
}

// Takes one name off the front of `text`; nothing where there is none.
std::optional<std::string> take_name(std::string_view& text) {
  std::string name;
  if (!text.starts_with('"')) {
    const std::size_t end = std::min(text.find_first_of(".\""), text.size());
    name = text.substr(0, end);
    text.remove_prefix(end);
    return name.empty() ? std::nullopt : std::optional(name);
  }
  for (std::size_t at = 1; at < text.size(); ++at) {
    if (text[at] != '"') {
      name += text[at];
    } else if (at + 1 < text.size() && text[at + 1] == '"') {
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
  return quoted(name, '"');
}

std::string quote_names(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + quote_name(name);
  return list;
}

std::string column_list(const std::vector<std::string>& names) {
  return names.empty() ? "" : " (" + quote_names(names) + ")";
}

std::string quote_text(std::string_view text) {
  std::string out = quoted(text, '\'');
  if (text.find('\\') == std::string_view::npos) return out;
  std::string escaped = "E";
  for (const char c : out) {
    if (c == '\\') escaped += c;
    escaped += c;
  }
  return escaped;
}

std::string quote_qualified(std::string_view schema, std::string_view name) {
  return quote_name(schema) + "." + quote_name(name);
}

std::string display_qualified(std::string_view schema, std::string_view name) {
  const auto shown = [](std::string_view one) {
    return is_plain(one) ? std::string(one) : quote_name(one);
  };
  return shown(schema) + "." + shown(name);
}

Result<QualifiedName> parse_qualified(std::string_view text) {
  std::string_view rest = text;
  const auto schema = take_name(rest);
  const bool point = rest.starts_with('.');
  if (point) rest.remove_prefix(1);
  const auto name = take_name(rest);
  if (!schema || !point || !name || !rest.empty()) {
    return fail(Error{Errc::invalid, "'" + base::printable(text) + "' is no name of a table",
                      "write schema.table; names with other characters than a-z, 0-9, _ and $ in "
                      "double quotes: public.\"My Table\""});
  }
  return QualifiedName{*schema, *name};
}

}  // namespace stillpoint::database::postgresql

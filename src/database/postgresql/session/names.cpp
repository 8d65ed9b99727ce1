// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "database/postgresql/session/connection.h"

namespace stillpoint::database::postgresql {
namespace {

bool is_plain(std::string_view name) {
  const auto begins = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
  const auto goes_on = [&](char c) { return begins(c) || (c >= '0' && c <= '9') || c == '$'; };
  return !name.empty() && begins(name[0]) && std::all_of(name.begin(), name.end(), goes_on);
}

}  // namespace

std::string quote_name(std::string_view name) {
  return in_quotes(name, '"');
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
  std::string out = in_quotes(text, '\'');
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
  return database::parse_qualified(
      text, '"',
      "write schema.table; names with other characters than a-z, 0-9, _ and $ in "
      "double quotes: public.\"My Table\"");
}

}  // namespace stillpoint::database::postgresql

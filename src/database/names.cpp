// SPDX-License-Identifier: Apache-2.0
#include "database/names.h"

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace stillpoint::database {
namespace {

// Takes one name off the front of `text`; nothing where there is none.
std::optional<std::string> take_name(std::string_view& text, char mark) {
  std::string name;
  if (!text.starts_with(mark)) {
    const std::size_t end = std::min({text.find('.'), text.find(mark), text.size()});
    name = text.substr(0, end);
    text.remove_prefix(end);
    return name.empty() ? std::nullopt : std::optional(name);
  }
  for (std::size_t at = 1; at < text.size(); ++at) {
    if (text[at] != mark) {
      name += text[at];
    } else if (at + 1 < text.size() && text[at + 1] == mark) {
      name += text[at++];
    } else {
      text.remove_prefix(at + 1);
      return name.empty() ? std::nullopt : std::optional(name);
    }
  }
  return std::nullopt;
}

}  // namespace

std::string in_quotes(std::string_view text, char mark) {
  std::string out(1, mark);
  for (const char c : text) {
    if (c == mark) out += mark;
    out += c;
  }
  return out + mark;
}

Result<QualifiedName> parse_qualified(std::string_view text, char mark, std::string_view rule) {
  std::string_view rest = text;
  const auto schema = take_name(rest, mark);
  const bool point = rest.starts_with('.');
  if (point) rest.remove_prefix(1);
  const auto name = take_name(rest, mark);
  if (schema && point && name && rest.empty()) return QualifiedName{*schema, *name};
  return fail(Error{Errc::invalid, "'" + base::printable(text) + "' is no name of a table",
                    std::string(rule)});
}

}  // namespace stillpoint::database

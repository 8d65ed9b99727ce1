// SPDX-License-Identifier: Apache-2.0
#include "database/watch.h"

#include <algorithm>

#include "base/text.h"

namespace stillpoint::database {
namespace {

// COPY also writes \b, \f, \r and \v; LOAD DATA \0.
std::string unescape(std::string_view field) {
  constexpr std::string_view names = "bfnrtv0";
  constexpr std::string_view meanings("\b\f\n\r\t\v\0", 7);
  std::string text;
  for (std::size_t i = 0; i < field.size(); ++i) {
    if (field[i] != '\\' || i + 1 == field.size()) {
      text += field[i];
      continue;
    }
    const std::size_t known = names.find(field[++i]);
    text += known == std::string_view::npos ? field[i] : meanings[known];
  }
  return text;
}

}  // namespace

Result<std::vector<std::size_t>> positions_of(const std::vector<std::string>& columns,
                                              const std::vector<std::string>& all,
                                              const std::string& table) {
  std::vector<std::size_t> positions;
  for (const std::string& column : columns) {
    const auto at = std::find(all.begin(), all.end(), column);
    if (at == all.end()) {
      return fail(Errc::not_found, "{} has no column {}", base::printable(table),
                  base::printable(column));
    }
    positions.push_back(static_cast<std::size_t>(at - all.begin()));
  }
  return positions;
}

FieldPicker::FieldPicker(const Watch& watch, std::vector<std::size_t> positions)
    : watch_(watch), values_(positions.size()), unescaped_(positions.size()) {
  for (std::size_t i = 0; i < positions.size(); ++i) wanted_.push_back({positions[i], i});
  std::sort(wanted_.begin(), wanted_.end(),
            [](const Wanted& a, const Wanted& b) { return a.position < b.position; });
}

Value FieldPicker::value_of(std::string_view field, std::size_t number) {
  if (field == "\\N") return std::nullopt;
  if (field.find('\\') == std::string_view::npos) return field;
  unescaped_[number] = unescape(field);
  return unescaped_[number];
}

Result<void> FieldPicker::row(ByteView line) {
  std::string_view rest = base::text_of(line);
  if (rest.ends_with('\n')) rest.remove_suffix(1);
  std::size_t position = 0;
  for (const Wanted& wanted : wanted_) {
    for (; position < wanted.position; ++position) {
      const std::size_t tab = rest.find('\t');
      if (tab == std::string_view::npos) {
        return fail(Errc::internal, "a row of {} has {} columns only", watch_.table, position + 1);
      }
      rest.remove_prefix(tab + 1);
    }
    values_[wanted.number] = value_of(rest.substr(0, rest.find('\t')), wanted.number);
  }
  return watch_.row(values_);
}

}  // namespace stillpoint::database

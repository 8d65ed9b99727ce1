// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/source/row_text.h"

#include <cstring>

#include <fmt/format.h>

#include "base/text.h"

namespace stillpoint::database::mysql {
namespace {

bool is_special(char c) {
  return c == '\t' || c == '\n' || c == '\\' || c == '\0';
}

// Whether any of 16 bytes is special; a loop that compilers turn into a few vector instructions.
bool any_special(const char* at) {
  unsigned char any = 0;
  for (int i = 0; i < 16; ++i) {
    any |= static_cast<unsigned char>((at[i] == '\t') | (at[i] == '\n') | (at[i] == '\\') |
                                      (at[i] == '\0'));
  }
  return any != 0;
}

// The first special byte at or after `at`.
std::size_t find_special(std::string_view text, std::size_t at) {
  while (at + 16 <= text.size() && !any_special(text.data() + at)) at += 16;
  while (at < text.size() && !is_special(text[at])) ++at;
  return at;
}

void append_text(Bytes& to, std::string_view text) {
  base::append(to, base::view_of(text));
}

// Types that do not take their own text from a file of bytes.
std::string conversion(const Column& column, bool mariadb) {
  if (!mariadb) return column.type == "json" ? "utf8mb4" : "";
  return column.type == "inet6" || column.type == "inet4" || column.type == "uuid" ? "ascii" : "";
}

}  // namespace

void append_value(Bytes& to, std::string_view value) {
  std::size_t begin = 0;
  for (;;) {
    const std::size_t end = find_special(value, begin);
    append_text(to, value.substr(begin, end - begin));
    if (end == value.size()) return;
    const char c = value[end];
    const char pair[2] = {'\\', c == '\t' ? 't' : c == '\n' ? 'n' : c == '\0' ? '0' : '\\'};
    append_text(to, {pair, 2});
    begin = end + 1;
  }
}

void append_row(Bytes& to, const Cells& row) {
  for (unsigned i = 0; i < row.count; ++i) {
    if (i > 0) to.push_back('\t');
    if (row.values[i] == nullptr) {
      append_text(to, "\\N");
    } else {
      append_value(to, {row.values[i], row.lengths[i]});
    }
  }
  to.push_back('\n');
}

std::string select_list(const Table& table) {
  std::vector<std::string> items;
  for (const Column& column : table.columns) {
    const std::string name = quote_name(column.name);
    // The text of a FLOAT has six digits, that of a DOUBLE has all.
    items.push_back(column.type == "float" ? "CAST(" + name + " AS DOUBLE)" : name);
  }
  return items.empty() ? "NULL" : base::join(items, ", ");
}

std::string load_format(const Table& table, bool mariadb) {
  std::vector<std::string> columns;
  std::vector<std::string> assignments;
  for (const Column& column : table.columns) {
    const std::string charset = conversion(column, mariadb);
    if (charset.empty()) {
      columns.push_back(quote_name(column.name));
      continue;
    }
    columns.push_back(fmt::format("@v{}", columns.size()));
    assignments.push_back(quote_name(column.name) + " = CONVERT(" + columns.back() + " USING " +
                          charset + ")");
  }
  if (columns.empty()) columns.emplace_back("@v0");
  std::string text =
      "CHARACTER SET binary FIELDS TERMINATED BY '\\t' ESCAPED BY '\\\\' LINES TERMINATED BY '\\n' "
      "(" +
      base::join(columns, ", ") + ")";
  if (!assignments.empty()) text += " SET " + base::join(assignments, ", ");
  return text;
}

}  // namespace stillpoint::database::mysql

// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/source/table_definition.h"

#include <algorithm>
#include <cctype>

#include "base/text.h"

namespace stillpoint::database::mysql {
namespace {

// The end of what begins with a quote at `at`: behind the closing one.
std::size_t skip_quoted(std::string_view text, std::size_t at) {
  const char quote = text[at++];
  while (at < text.size()) {
    if (text[at] == '\\' && quote != '`') {
      at += 2;
    } else if (text[at] == quote) {
      if (at + 1 >= text.size() || text[at + 1] != quote) return at + 1;
      at += 2;
    } else {
      ++at;
    }
  }
  return text.size();
}

bool is_quote(char c) {
  return c == '`' || c == '\'' || c == '"';
}

// Where the parenthesis that opens at `at` closes.
std::size_t find_close(std::string_view text, std::size_t at) {
  int depth = 0;
  while (at < text.size()) {
    if (is_quote(text[at])) {
      at = skip_quoted(text, at);
      continue;
    }
    if (text[at] == '(') ++depth;
    if (text[at] == ')' && --depth == 0) return at;
    ++at;
  }
  return text.size();
}

// The pieces between commas outside of quotes and parentheses, without blanks around them.
std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> pieces;
  const auto add = [&](std::string_view piece) {
    const std::size_t first = piece.find_first_not_of(" \n");
    if (first == std::string_view::npos) return;
    pieces.emplace_back(piece.substr(first, piece.find_last_not_of(" \n") - first + 1));
  };
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (is_quote(text[at])) {
      at = skip_quoted(text, at);
    } else if (text[at] == '(') {
      at = find_close(text, at) + 1;
    } else if (text[at++] == ',') {
      add(text.substr(begin, at - 1 - begin));
      begin = at;
    }
  }
  add(text.substr(std::min(begin, text.size())));
  return pieces;
}

// Whether a word stands in it outside of quotes.
bool has_word(std::string_view text, std::string_view word) {
  for (std::size_t at = 0; at < text.size();) {
    if (is_quote(text[at])) {
      at = skip_quoted(text, at);
      continue;
    }
    const bool begins = at == 0 || text[at - 1] == ' ' || text[at - 1] == '`';
    if (begins && text.substr(at, word.size()) == word) return true;
    ++at;
  }
  return false;
}

bool begins_with_any(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return text.starts_with(word); });
}

// "`id`" of "KEY `k` (`id`,`x`)".
std::string_view first_column(std::string_view index) {
  for (std::size_t at = 0; at < index.size();) {
    if (is_quote(index[at])) {
      at = skip_quoted(index, at);
    } else if (index[at++] == '(' && at < index.size() && is_quote(index[at])) {
      return index.substr(at, skip_quoted(index, at) - at);
    }
  }
  return {};
}

}  // namespace

TableDefinition take_apart(std::string create) {
  TableDefinition definition;
  definition.complete = std::move(create);
  const std::string_view text = definition.complete;
  definition.base = definition.complete;
  definition.without_foreign_keys = definition.complete;
  std::size_t open = 0;
  while (open < text.size() && text[open] != '(') {
    open = is_quote(text[open]) ? skip_quoted(text, open) : open + 1;
  }
  if (open >= text.size()) return definition;
  const std::size_t close = find_close(text, open);
  std::string_view counted;  // the AUTO_INCREMENT column, in quotes
  bool counted_is_served = false;
  std::vector<std::string> kept;
  std::vector<std::string> own;
  for (std::string& item : split_list(text.substr(open + 1, close - open - 1))) {
    if (item.starts_with('`') && has_word(item, "AUTO_INCREMENT")) {
      const std::size_t at = text.find(item);
      counted = text.substr(at, skip_quoted(text, at) - at);
    }
    const bool foreign = item.starts_with("CONSTRAINT ") && has_word(item, "FOREIGN KEY");
    const bool index = begins_with_any(
        item, {"KEY ", "UNIQUE KEY ", "FULLTEXT KEY ", "SPATIAL KEY ", "VECTOR KEY "});
    if (item.starts_with("PRIMARY KEY") && first_column(item) == counted) counted_is_served = true;
    const bool needed = index && !counted.empty() && !counted_is_served &&
                        first_column(item) == counted && !item.starts_with("FULLTEXT");
    if (needed) counted_is_served = true;
    if (!foreign) own.push_back(item);
    if (foreign) {
      definition.foreign_keys.push_back(std::move(item));
    } else if (index && !needed) {
      definition.indexes.push_back(std::move(item));
    } else {
      kept.push_back(std::move(item));
    }
  }
  const auto with = [&](const std::vector<std::string>& items) {
    return std::string(text.substr(0, open + 1)) + "\n  " + base::join(items, ",\n  ") + "\n" +
           std::string(text.substr(close));
  };
  definition.base = with(kept);
  definition.without_foreign_keys = with(own);
  return definition;
}

bool may_have_lost_characters(std::string_view create) {
  for (std::size_t at = 0; at < create.size();) {
    if (create[at] != '\'') {
      at = is_quote(create[at]) ? skip_quoted(create, at) : at + 1;
      continue;
    }
    // Comments cannot have such characters in the first place.
    const bool comment = at >= 8 && create.substr(at - 8, 8) == "COMMENT ";
    const std::size_t end = skip_quoted(create, at);
    if (!comment && create.substr(at, end - at).find('?') != std::string_view::npos) return true;
    at = end;
  }
  return false;
}

std::string without_check_names(std::string_view create) {
  constexpr std::string_view word = "\n  CONSTRAINT `";
  std::string out;
  std::size_t done = 0;
  for (std::size_t at = 0; at < create.size();) {
    if (is_quote(create[at])) {
      at = skip_quoted(create, at);
      continue;
    }
    if (create.substr(at, word.size()) == word) {
      const std::size_t end = skip_quoted(create, at + word.size() - 1);
      if (create.substr(std::min(end, create.size())).starts_with(" CHECK ")) {
        out += create.substr(done, at + 2 - done);  // up to the first of the two blanks
        done = end;
      }
      at = end;
      continue;
    }
    ++at;
  }
  return out + std::string(create.substr(std::min(done, create.size())));
}

std::string without_counter(std::string_view create) {
  constexpr std::string_view word = " AUTO_INCREMENT=";
  for (std::size_t at = 0; at < create.size();) {
    if (is_quote(create[at])) {
      at = skip_quoted(create, at);
    } else if (create.substr(at, word.size()) == word) {
      std::size_t end = at + word.size();
      while (end < create.size() && std::isdigit(static_cast<unsigned char>(create[end])) != 0)
        ++end;
      return std::string(create.substr(0, at)) + std::string(create.substr(end));
    } else {
      ++at;
    }
  }
  return std::string(create);
}

}  // namespace stillpoint::database::mysql

// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/target/statement_text.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

#include "database/mysql/session/connection.h"

namespace stillpoint::database::mysql {
namespace {

struct Token {
  std::string_view text = {};  // with its quotes
  std::size_t at = 0;
  std::size_t end() const { return at + text.size(); }
};

bool is_word_character(char c) {
  const auto u = static_cast<unsigned char>(c);
  return std::isalnum(u) != 0 || c == '_' || c == '$' || u >= 0x80;
}

std::size_t end_of_quoted(std::string_view text, std::size_t at) {
  const char quote = text[at++];
  while (at < text.size()) {
    if (text[at] == '\\' && quote == '\'') {
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

// Blanks and comments. Of the comments that a server runs ("/*!50017 … */"), only the marks.
std::size_t skip_blanks(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    const std::string_view rest = text.substr(at);
    if (std::isspace(static_cast<unsigned char>(rest[0])) != 0) {
      ++at;
    } else if (rest.starts_with("/*!") || rest.starts_with("/*M!")) {
      at += rest[2] == '!' ? 3 : 4;
      while (at < text.size() && std::isdigit(static_cast<unsigned char>(text[at])) != 0) ++at;
    } else if (rest.starts_with("*/")) {
      at += 2;
    } else if (rest.starts_with("/*")) {
      const std::size_t end = rest.find("*/", 2);
      at = end == std::string_view::npos ? text.size() : at + end + 2;
    } else if (rest[0] == '#' || rest.starts_with("-- ") || rest.starts_with("--\n")) {
      at = std::min(text.find('\n', at), text.size());
    } else {
      break;
    }
  }
  return at;
}

Token next_token(std::string_view text, std::size_t at) {
  at = skip_blanks(text, at);
  if (at >= text.size()) return {{}, text.size()};
  const char c = text[at];
  std::size_t end = at + 1;
  if (c == '`' || c == '\'' || c == '"') {
    end = end_of_quoted(text, at);
  } else if (is_word_character(c)) {
    while (end < text.size() && is_word_character(text[end])) ++end;
  }
  return {text.substr(at, end - at), at};
}

bool is_word(const Token& token, std::string_view word) {
  return std::equal(token.text.begin(), token.text.end(), word.begin(), word.end(),
                    [](unsigned char a, unsigned char b) { return std::toupper(a) == b; });
}

std::string unquoted(std::string_view token) {
  if (token.size() < 2 || (token[0] != '`' && token[0] != '\'' && token[0] != '"')) {
    return std::string(token);
  }
  std::string plain;
  for (std::size_t at = 1; at + 1 < token.size(); ++at) {
    plain += token[at];
    if (token[at] == token[0]) ++at;
  }
  return plain;
}

// Behind a name that may have its schema before it.
std::size_t skip_name(std::string_view text, std::size_t at) {
  const Token name = next_token(text, at);
  const Token point = next_token(text, name.end());
  return point.text == "." ? next_token(text, point.end()).end() : name.end();
}

// The token that is this word, from `at` on; at the text's end where there is none.
Token find_word(std::string_view text, std::size_t at, std::string_view word) {
  for (;;) {
    const Token token = next_token(text, at);
    if (token.text.empty() || is_word(token, word)) return token;
    at = token.end();
  }
}

// Whether a name that ends at `end`, and comes after this word, is a schema's: a table, or an alias
// that looks like it, may have a column after the point.
bool is_schema(std::string_view text, std::size_t end, std::string_view word) {
  if (end + 1 >= text.size() || text[end] != '.' || text[end + 1] != '`') return false;
  const std::size_t second = end_of_quoted(text, end + 1);
  if (second < text.size() && (text[second] == '.' || text[second] == '(')) return true;
  const Token before{word, 0};
  constexpr std::array<std::string_view, 8> tables_follow = {
      "FROM", "JOIN", "STRAIGHT_JOIN", "REFERENCES", "NEXTVAL", "LASTVAL", "SETVAL", "FOR"};
  return std::any_of(tables_follow.begin(), tables_follow.end(),
                     [&](std::string_view one) { return is_word(before, one); });
}

// "DEFINER = account": from the word to behind the account.
struct DefinerClause {
  std::size_t begin = 0;
  std::size_t end = 0;
  Account account = {};
};

std::optional<DefinerClause> find_definer(std::string_view create) {
  // It comes before what is made is named.
  std::size_t at = 0;
  for (int words = 0; words < 12; ++words) {
    const Token token = next_token(create, at);
    for (const char* made : {"VIEW", "TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", "PACKAGE"}) {
      if (is_word(token, made)) return std::nullopt;
    }
    at = token.end();
    if (!is_word(token, "DEFINER")) continue;
    const Token equals = next_token(create, at);
    if (equals.text != "=") continue;
    const Token user = next_token(create, equals.end());
    const Token mark = next_token(create, user.end());
    if (mark.text != "@") return DefinerClause{token.at, user.end(), {unquoted(user.text), ""}};
    const Token host = next_token(create, mark.end());
    return DefinerClause{token.at, host.end(), {unquoted(user.text), unquoted(host.text)}};
  }
  return std::nullopt;
}

}  // namespace

std::string with_schemas(std::string_view statement,
                         const std::map<std::string, std::string>& names) {
  std::string out;
  std::string_view word;  // the last one, whatever parentheses follow it
  for (std::size_t at = 0; at < statement.size();) {
    const char c = statement[at];
    if (c != '`' && c != '\'' && c != '"') {
      const std::size_t end = is_word_character(c) ? next_token(statement, at).end() : at + 1;
      if (is_word_character(c)) word = statement.substr(at, end - at);
      if (!is_word_character(c) && c != '(' && c != ' ' && c != '\n') word = {};
      out += statement.substr(at, end - at);
      at = end;
      continue;
    }
    const std::size_t end = end_of_quoted(statement, at);
    const bool after_point = at > 0 && statement[at - 1] == '.';
    const auto found = c == '`' && !after_point && is_schema(statement, end, word)
                           ? names.find(unquoted(statement.substr(at, end - at)))
                           : names.end();
    out += found == names.end() ? std::string(statement.substr(at, end - at))
                                : quote_name(found->second);
    word = {};
    at = end;
  }
  return out;
}

std::string with_trigger_on(std::string_view create, std::string_view trigger,
                            std::string_view table) {
  const Token word = find_word(create, 0, "TRIGGER");
  std::size_t name = word.end();
  if (is_word(next_token(create, name), "IF")) name = find_word(create, name, "EXISTS").end();
  const std::size_t name_end = skip_name(create, name);
  const Token on = find_word(create, name_end, "ON");
  const std::size_t table_end = skip_name(create, on.end());
  const Token row = find_word(create, table_end, "ROW");
  std::size_t body = row.end();
  const Token order = next_token(create, body);
  if (is_word(order, "FOLLOWS") || is_word(order, "PRECEDES")) {
    body = skip_name(create, order.end());
  }
  std::string out(create.substr(0, word.end()));
  out += " " + quote_name(trigger);
  out += create.substr(name_end, on.end() - name_end);
  out += " " + quote_name(table);
  out += create.substr(table_end, row.end() - table_end);
  out += create.substr(body);
  return out;
}

std::string quote_account(const Account& account) {
  return quote_text(account.user) + "@" + quote_text(account.host);
}

std::optional<Account> definer_of(std::string_view create) {
  const auto clause = find_definer(create);
  return clause ? std::optional(clause->account) : std::nullopt;
}

std::string without_definer(std::string_view create) {
  const auto clause = find_definer(create);
  if (!clause) return std::string(create);
  return std::string(create.substr(0, clause->begin)) + std::string(create.substr(clause->end));
}

// The server prints: … ON COMPLETION NOT PRESERVE ENABLE COMMENT '…' DO …
std::string with_event_disabled(std::string_view create) {
  const Token completion = find_word(create, 0, "COMPLETION");
  const Token preserve = find_word(create, completion.end(), "PRESERVE");
  const Token state = next_token(create, preserve.end());
  if (!is_word(state, "ENABLE")) return std::string(create);
  return std::string(create.substr(0, state.at)) + "DISABLE" +
         std::string(create.substr(state.end()));
}

}  // namespace stillpoint::database::mysql

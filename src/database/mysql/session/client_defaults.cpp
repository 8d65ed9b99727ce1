// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/session/client_defaults.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"

namespace stillpoint::database::mysql {
namespace {

constexpr std::size_t file_bytes_max = limits::MiB;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blank = " \t\r";
  const std::size_t begin = text.find_first_not_of(blank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blank) - begin + 1);
}

// Without what comes after a # outside of quotes.
std::string_view without_comment(std::string_view text) {
  char quote = '\0';
  bool escaped = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if ((c == '"' || c == '\'') && !escaped) {
      if (quote == '\0') {
        quote = c;
      } else if (quote == c) {
        quote = '\0';
      }
    }
    if (quote == '\0' && c == '#') return text.substr(0, at);
    escaped = quote != '\0' && c == '\\' && !escaped;
  }
  return text;
}

// "a\sb" or 'a b' as the value of an option. Of quotes, only the outermost are none of it.
std::string value_of(std::string_view text) {
  text = trimmed(without_comment(text));
  const bool quoted =
      text.size() >= 2 && (text[0] == '"' || text[0] == '\'') && text[0] == text[text.size() - 1];
  if (quoted) text = text.substr(1, text.size() - 2);
  std::string value;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\\' || at + 1 == text.size()) {
      value += text[at];
      continue;
    }
    switch (const char c = text[++at]) {
      case 's':
        value += ' ';
        break;
      case 't':
        value += '\t';
        break;
      case 'n':
        value += '\n';
        break;
      case 'r':
        value += '\r';
        break;
      case 'b':
        value += '\b';
        break;
      case '\\':
      case '"':
      case '\'':
        value += c;
        break;
      default:
        value += '\\';
        value += c;
    }
  }
  return value;
}

}  // namespace

Result<ClientDefaults> read_client_defaults(const std::string& path) {
  const Bytes bytes = TRY(base::read_file(path, file_bytes_max));
  ClientDefaults defaults;
  bool ours = false;
  for (const std::string& raw : base::split(base::text_of(bytes), '\n')) {
    const std::string_view line = trimmed(raw);
    if (line.empty() || line[0] == '#' || line[0] == ';' || line[0] == '!') continue;
    if (line[0] == '[') {
      const std::string_view group = trimmed(line.substr(1, line.find(']') - 1));
      ours = group == "client" || group == "client-server" || group == "client-mariadb";
      continue;
    }
    if (!ours) continue;
    const std::size_t equals = line.find('=');
    const std::string_view name = trimmed(line.substr(0, equals));
    const std::string value =
        equals == std::string_view::npos ? "" : value_of(line.substr(equals + 1));
    if (name == "user") defaults.user = value;
    if (name == "password") defaults.password = value;
  }
  return defaults;
}

}  // namespace stillpoint::database::mysql

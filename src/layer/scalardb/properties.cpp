// SPDX-License-Identifier: Apache-2.0
#include "layer/scalardb/properties.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "base/text.h"

namespace stillpoint::layer::scalardb {
namespace {

constexpr int nesting_max = 8;
constexpr std::size_t replaced_bytes_max = 64 * 1024;
constexpr std::string_view spaces = " \t\f";

void append_utf8(std::string& out, std::uint32_t c) {
  const auto tail = [&](unsigned shift) { out += static_cast<char>(0x80 | ((c >> shift) & 0x3F)); };
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | (c >> 6));
    tail(0);
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | (c >> 12));
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xF0 | (c >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

// UTF-16 units one after another, as Java's strings have them.
class Utf16Writer {
 public:
  void put(std::uint32_t unit) {
    if (unit >= 0xDC00 && unit < 0xE000 && high_ != 0) {
      append_utf8(text_, 0x10000 + ((high_ - 0xD800) << 10) + (unit - 0xDC00));
      high_ = 0;
      return;
    }
    end_half();
    if (unit >= 0xD800 && unit < 0xDC00) {
      high_ = unit;
    } else {
      append_utf8(text_, unit >= 0xDC00 && unit < 0xE000 ? lone : unit);
    }
  }
  std::string finish() {
    end_half();
    return std::move(text_);
  }

 private:
  static constexpr std::uint32_t lone = 0xFFFD;
  void end_half() {
    if (high_ != 0) append_utf8(text_, lone);
    high_ = 0;
  }
  std::string text_;
  std::uint32_t high_ = 0;
};

// One line of the file after another, joined where a backslash stands at the end; without leading
// spaces, comments and empty lines.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}

  bool next(std::string& line) {
    line.clear();
    while (!rest_.empty()) {
      const std::string_view natural = take();
      const bool nothing = natural.empty() || natural[0] == '#' || natural[0] == '!';
      if (line.empty() && nothing) continue;
      if (!continues(natural)) {
        line += natural;
        return true;
      }
      line += natural.substr(0, natural.size() - 1);
    }
    return !line.empty();
  }
  std::size_t number() const { return number_; }

 private:
  static bool continues(std::string_view line) {
    const std::size_t last = line.find_last_not_of('\\');
    const std::size_t count = line.size() - (last == std::string_view::npos ? 0 : last + 1);
    return count % 2 == 1;
  }
  std::string_view take() {
    ++number_;
    const std::size_t end = std::min(rest_.find_first_of("\r\n"), rest_.size());
    std::string_view line = rest_.substr(0, end);
    const bool both = rest_.substr(end).starts_with("\r\n");
    rest_.remove_prefix(std::min(end + (both ? 2 : 1), rest_.size()));
    line.remove_prefix(std::min(line.find_first_not_of(spaces), line.size()));
    return line;
  }

  std::string_view rest_;
  std::size_t number_ = 0;
};

Result<std::uint32_t> hex_unit(std::string_view digits) {
  std::uint32_t unit = 0;
  if (digits.size() != 4) return fail(Errc::invalid, "\\u needs four hexadecimal digits");
  for (const char c : digits) {
    const char lower = static_cast<char>(c | 0x20);
    const bool digit = c >= '0' && c <= '9';
    if (!digit && (lower < 'a' || lower > 'f')) {
      return fail(Errc::invalid, "\\u needs four hexadecimal digits");
    }
    unit = unit * 16 + static_cast<std::uint32_t>(digit ? c - '0' : lower - 'a' + 10);
  }
  return unit;
}

Result<std::string> unescape(std::string_view text) {
  constexpr std::string_view names = "tnrf";
  constexpr std::string_view meanings = "\t\n\r\f";
  Utf16Writer out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out.put(static_cast<unsigned char>(text[i]));
      continue;
    }
    if (++i == text.size()) break;
    if (text[i] == 'u') {
      out.put(TRY(hex_unit(text.substr(i + 1, 4))));
      i += 4;
      continue;
    }
    const std::size_t known = names.find(text[i]);
    const char c = known == std::string_view::npos ? text[i] : meanings[known];
    out.put(static_cast<unsigned char>(c));
  }
  return out.finish();
}

// Where the key ends: at the first '=', ':' or space that no backslash stands before.
std::size_t end_of_key(std::string_view line) {
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\\') {
      ++i;
    } else if (line[i] == '=' || line[i] == ':' || spaces.find(line[i]) != std::string_view::npos) {
      return i;
    }
  }
  return line.size();
}

std::string_view value_of(std::string_view rest) {
  const auto skip = [&] {
    rest.remove_prefix(std::min(rest.find_first_not_of(spaces), rest.size()));
  };
  skip();
  if (rest.starts_with('=') || rest.starts_with(':')) {
    rest.remove_prefix(1);
    skip();
  }
  return rest;
}

std::string_view trim(std::string_view text, bool (*blank)(char)) {
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

// What Java's String.trim() takes away.
bool below_space(char c) {
  return static_cast<unsigned char>(c) <= ' ';
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  return out;
}

// What stands before the colon: "env", "sys"; anything else is no variable.
std::string kind_of(std::string_view name) {
  const std::size_t colon = name.find(':');
  return colon == std::string_view::npos ? std::string() : lower(name.substr(0, colon));
}

std::optional<std::string> environment(const std::string& name) {
  if (kind_of(name) != "env") return std::nullopt;
  const char* value = std::getenv(name.c_str() + name.find(':') + 1);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

Error unknown_variable(const std::string& name) {
  const bool java = kind_of(name) == "sys";
  return {Errc::invalid,
          "the variable " + base::printable(name) + " has no value" +
              (java ? ": only the application's Java machine knows it" : " here"),
          java ? "write the value into a copy of the file, for backups"
               : "set it as the application has it"};
}

Result<std::string> replace(std::string_view text, const Lookup& lookup, int depth) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = text.find("${", at);
    if (begin == std::string_view::npos) return out.append(text.substr(at));
    out.append(text.substr(at, begin - at));
    const std::size_t end = text.find('}', begin);
    if (end == std::string_view::npos) return out.append(text.substr(begin));
    if (begin > 0 && text[begin - 1] == '$') {  // $${ stands for ${
      out.back() = '$';
      out += '{';
      at = begin + 2;
      continue;
    }
    const std::string_view inside = text.substr(begin + 2, end - begin - 2);
    const std::size_t mark = inside.find(":-");
    const std::string name(inside.substr(0, mark));
    std::optional<std::string> value = lookup(name);
    if (!value && mark != std::string_view::npos) value = inside.substr(mark + 2);
    if (!value && kind_of(name) != "env" && kind_of(name) != "sys") {
      out.append(text.substr(begin, end + 1 - begin));  // as it stands
      at = end + 1;
      continue;
    }
    if (!value) return fail(unknown_variable(name));
    if (depth == nesting_max || out.size() + value->size() > replaced_bytes_max) {
      return fail(Errc::invalid, "the variable {} leads to itself", base::printable(name));
    }
    out += TRY(replace(*value, lookup, depth + 1));
    at = end + 1;
  }
  return out;
}

}  // namespace

Result<std::string> replace_variables(std::string_view text, const Lookup& lookup) {
  return replace(text, lookup, 0);
}

Result<Properties> Properties::parse(std::string_view text) {
  Properties properties;
  Lines lines(text);
  std::string line;
  while (lines.next(line)) {
    const std::size_t end = end_of_key(line);
    const std::string doing = fmt::format("line {}", lines.number());
    std::string name = TRY_DURING(doing, unescape(std::string_view(line).substr(0, end)));
    std::string value = TRY_DURING(doing, unescape(value_of(std::string_view(line).substr(end))));
    properties.set(std::move(name), std::move(value));
  }
  return properties;
}

Result<std::optional<std::string>> Properties::find(const std::string& name) const {
  const auto at = values_.find(name);
  if (at == values_.end()) return std::nullopt;
  std::string value =
      TRY_DURING(name, replace_variables(trim(at->second, below_space), environment));
  if (value.empty()) return std::nullopt;
  return value;
}

Result<std::string> Properties::get(const std::string& name, std::string fallback) const {
  std::optional<std::string> value = TRY(find(name));
  return value ? *std::move(value) : std::move(fallback);
}

Result<bool> Properties::flag(const std::string& name, bool fallback) const {
  const std::string value = lower(TRY(get(name, fallback ? "true" : "false")));
  if (value == "true" || value == "false") return value == "true";
  return fail(
      Error{Errc::invalid, name + " is neither true nor false", "ScalarDB refuses it, too"});
}

Result<std::vector<std::string>> Properties::list(const std::string& name) const {
  const std::string value = TRY(get(name, ""));
  std::vector<std::string> all;
  if (value.empty()) return all;
  std::string one;
  const auto add = [&] {
    all.emplace_back(trim(one, [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }));
    one.clear();
  };
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] == ',' && (i == 0 || value[i - 1] != '\\')) {
      add();
    } else if (value[i] != '\\') {  // ScalarDB drops every backslash
      one += value[i];
    }
  }
  add();
  while (!all.empty() && all.back().empty()) all.pop_back();  // as Java's split does
  return all;
}

}  // namespace stillpoint::layer::scalardb

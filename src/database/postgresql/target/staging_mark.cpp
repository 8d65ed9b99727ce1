// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/target/staging_mark.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace stillpoint::database::postgresql {
namespace {

constexpr std::size_t name_bytes_max = 63;
constexpr std::size_t token_digits = 16;
constexpr std::string_view staging_word = "_stillpoint_";
constexpr std::string_view kept_word = "_before_";
constexpr std::string_view schema_word = "stillpoint_";
constexpr std::string_view time_form = "00000000T000000Z";

// Whole characters only.
std::string cut(std::string_view text, std::size_t bytes_max) {
  std::size_t end = 0;
  while (end < text.size()) {
    const std::size_t length = std::max<std::size_t>(base::utf8_length(text.substr(end)), 1);
    if (end + length > bytes_max) break;
    end += length;
  }
  return std::string(text.substr(0, end));
}

std::string joined(std::string_view name, std::string_view word, std::string_view end) {
  std::string all = cut(name, name_bytes_max - word.size() - end.size());
  all += word;
  all += end;
  return all;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_token(std::string_view text) {
  return text.size() == token_digits && std::all_of(text.begin(), text.end(), [](char c) {
           return is_digit(c) || (c >= 'a' && c <= 'f');
         });
}

bool is_time(std::string_view text) {
  return std::equal(text.begin(), text.end(), time_form.begin(), time_form.end(),
                    [](char c, char form) { return form == '0' ? is_digit(c) : c == form; });
}

std::string_view last(std::string_view text, std::size_t bytes) {
  return text.size() < bytes ? std::string_view() : text.substr(text.size() - bytes);
}

}  // namespace

std::string text_of(const StagingMark& mark) {
  nlohmann::json json = {{"stillpoint", "staging"}, {"of", mark.of}, {"since", mark.since}};
  json["backup"] = mark.backup;
  if (mark.ready) json["ready"] = true;
  if (mark.in_place) json["in_place"] = true;
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::optional<StagingMark> mark_of(std::string_view comment) {
  const auto json = nlohmann::json::parse(comment, nullptr, false);
  const auto text = [&](const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  if (!json.is_object() || text("stillpoint") != "staging") return std::nullopt;
  const auto flag = [&](const char* key) {
    const auto found = json.find(key);
    return found != json.end() && *found == true;
  };
  return StagingMark{text("of"), text("backup"), text("since"), flag("ready"), flag("in_place")};
}

std::string staging_name(std::string_view database, std::string_view token) {
  return joined(database, staging_word, token);
}

std::string kept_name(std::string_view database, base::Time time) {
  return joined(database, kept_word, base::compact_time(time));
}

bool is_staging_name(std::string_view name, std::string_view database) {
  const std::string_view token = last(name, token_digits);
  return is_token(token) && name == staging_name(database, token);
}

bool is_kept_name(std::string_view name, std::string_view database) {
  const std::string_view time = last(name, time_form.size());
  return is_time(time) && name == joined(database, kept_word, time);
}

std::string staging_schema(std::string_view token) {
  return std::string(schema_word) + std::string(token);
}

bool is_staging_schema(std::string_view name) {
  return name.starts_with(schema_word) && is_token(name.substr(schema_word.size()));
}

}  // namespace stillpoint::database::postgresql

// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/target/staging_mark.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace stillpoint::database::mysql {
namespace {

constexpr std::size_t name_characters_max = 64;
constexpr std::size_t token_digits = 16;
constexpr std::string_view staging_word = "_stillpoint_";
constexpr std::string_view kept_word = "_before_";
constexpr std::string_view time_form = "00000000T000000Z";

// That many characters from the front.
std::string cut(std::string_view text, std::size_t characters) {
  std::size_t end = 0;
  for (; end < text.size() && characters > 0; --characters) {
    end += std::max<std::size_t>(base::utf8_length(text.substr(end)), 1);
  }
  return std::string(text.substr(0, end));
}

std::string joined(std::string_view name, std::string_view word, std::string_view end) {
  std::string all = cut(name, name_characters_max - word.size() - end.size());
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
  // A server with lower_case_table_names has made the letters small.
  return std::equal(text.begin(), text.end(), time_form.begin(), time_form.end(),
                    [](char c, char form) {
                      return form == '0' ? is_digit(c) : c == form || c == form + ('a' - 'A');
                    });
}

std::string_view last(std::string_view text, std::size_t bytes) {
  return text.size() < bytes ? std::string_view() : text.substr(text.size() - bytes);
}

}  // namespace

std::string text_of(const StagingMark& mark) {
  nlohmann::json places = nlohmann::json::array();
  for (const Place& one : mark.places) {
    places.push_back(
        {{"from", one.from}, {"to", one.to}, {"staged", one.staged}, {"kept", one.kept}});
  }
  return nlohmann::json{{"backup", mark.backup},     {"since", mark.since},
                        {"places", places},          {"ready", mark.ready},
                        {"in_place", mark.in_place}, {"tables", mark.tables}}
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::optional<StagingMark> mark_of(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("places")) return std::nullopt;
  const auto string = [](const nlohmann::json& from, const char* key) {
    const auto found = from.find(key);
    return found != from.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  const auto flag = [&](const char* key) {
    const auto found = json.find(key);
    return found != json.end() && *found == true;
  };
  StagingMark mark;
  mark.backup = string(json, "backup");
  mark.since = string(json, "since");
  mark.ready = flag("ready");
  mark.in_place = flag("in_place");
  mark.tables = flag("tables");
  for (const nlohmann::json& one : json["places"]) {
    if (!one.is_object()) return std::nullopt;
    mark.places.push_back(
        {string(one, "from"), string(one, "to"), string(one, "staged"), string(one, "kept")});
  }
  return mark;
}

std::string staging_name(std::string_view schema, std::string_view token) {
  return joined(schema, staging_word, token);
}

std::string kept_name(std::string_view schema, base::Time time) {
  return joined(schema, kept_word, base::compact_time(time));
}

bool is_staging_name(std::string_view name, std::string_view schema) {
  const std::string_view token = last(name, token_digits);
  return is_token(token) && name == staging_name(schema, token);
}

bool is_kept_name(std::string_view name, std::string_view schema) {
  const std::string_view time = last(name, time_form.size());
  return is_time(time) && name == joined(schema, kept_word, time);
}

std::string token_of(std::string_view staging_name) {
  const std::string_view token = last(staging_name, token_digits);
  const bool ours =
      is_token(token) &&
      staging_name.substr(0, staging_name.size() - token_digits).ends_with(staging_word);
  return ours ? std::string(token) : std::string();
}

std::string hidden_prefix(std::string_view token, std::string_view side) {
  return fmt::format("stillpoint_{}_{}_", token, side);
}

std::string hidden_name(std::string_view token, std::string_view side, std::size_t number) {
  return fmt::format("{}{}", hidden_prefix(token, side), number);
}

std::string lock_name(std::string_view token) {
  return fmt::format("stillpoint_{}", token);
}

}  // namespace stillpoint::database::mysql

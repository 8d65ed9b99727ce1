// SPDX-License-Identifier: Apache-2.0
#include "repository/json_read.h"

#include <nlohmann/json.hpp>

namespace stillpoint::repository {

Result<Json> parse_json(ByteView text) {
  Json value = Json::parse(text.begin(), text.end(), nullptr, false);
  if (value.is_discarded()) return fail(Errc::corrupt, "not JSON");
  if (!value.is_object()) return fail(Errc::corrupt, "not a JSON object");
  return value;
}

std::string write_json(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string text_or(const Json& from, const char* name, std::string otherwise) {
  const auto at = from.find(name);
  return at != from.end() && at->is_string() ? at->get<std::string>() : std::move(otherwise);
}

std::uint64_t number_or(const Json& from, const char* name, std::uint64_t otherwise) {
  const auto at = from.find(name);
  return at != from.end() && at->is_number_unsigned() ? at->get<std::uint64_t>() : otherwise;
}

std::vector<std::string> texts_of(const Json& from, const char* name) {
  std::vector<std::string> texts;
  const auto at = from.find(name);
  if (at == from.end() || !at->is_array()) return texts;
  for (const Json& text : *at) {
    if (text.is_string()) texts.push_back(text.get<std::string>());
  }
  return texts;
}

Result<Id> id_of(const Json& from, const char* name) {
  Id id;
  if (!Id::parse(text_or(from, name), id)) return fail(Errc::corrupt, "'{}' is not an id", name);
  return id;
}

Result<base::Time> time_of(const Json& from, const char* name) {
  const auto time = base::parse_time(text_or(from, name));
  if (!time) return fail(Errc::corrupt, "'{}' is not a time", name);
  return *time;
}

}  // namespace stillpoint::repository

// SPDX-License-Identifier: Apache-2.0
#include "repository/record.h"

#include <nlohmann/json.hpp>

#include "repository/host.h"
#include "repository/json_read.h"

namespace stillpoint::repository {
namespace {

// Of a time that was read already: "…+01:30" or "…Z".
std::chrono::minutes offset_of(std::string_view time) {
  if (time.size() < 6 || time.back() == 'Z' || time.back() == 'z') return {};
  const auto digit = [&](std::size_t from_end) { return time[time.size() - from_end] - '0'; };
  const std::chrono::minutes offset(digit(5) * 600 + digit(4) * 60 + digit(2) * 10 + digit(1));
  return time[time.size() - 6] == '-' ? -offset : offset;
}

}  // namespace

std::string encode_record(const Record& record) {
  const Host host = this_host();
  Json json = {{"time", base::format_time(record.time)},
               {"tree", record.tree.hex()},
               {"paths", record.paths},
               {"hostname", record.hostname},
               {"username", host.user},
               {"uid", host.uid},
               {"gid", host.gid},
               {"program_version", record.program}};
  if (!record.tags.empty()) json["tags"] = record.tags;
  json["summary"] = {{"total_bytes_processed", record.bytes_total},
                     {"data_added_packed", record.bytes_added}};
  return write_json(json);
}

Result<Record> decode_record(ByteView text) {
  const Json json = TRY(parse_json(text));
  Record record;
  record.time = TRY(time_of(json, "time"));
  record.utc_offset = offset_of(text_or(json, "time"));
  record.tree = TRY(id_of(json, "tree"));
  record.paths = texts_of(json, "paths");
  record.hostname = text_or(json, "hostname");
  record.username = text_or(json, "username");
  record.tags = texts_of(json, "tags");
  record.program = text_or(json, "program_version");
  if (const auto summary = json.find("summary"); summary != json.end() && summary->is_object()) {
    record.bytes_total = number_or(*summary, "total_bytes_processed");
    record.bytes_added = number_or(*summary, "data_added_packed");
  }
  if (Id original; Id::parse(text_or(json, "original"), original)) record.original = original;
  return record;
}

Result<std::string> encode_copy(ByteView text, const Id& id) {
  Json json = TRY(parse_json(text));
  if (text_or(json, "original").empty()) json["original"] = id.hex();
  return write_json(json);
}

Result<std::string> encode_repaired(ByteView text, const Id& id, const Id& tree,
                                    const std::vector<std::string>& tags) {
  Json json = TRY(parse_json(text));
  json["original"] = id.hex();
  json["tree"] = tree.hex();
  json["tags"] = tags;
  return write_json(json);
}

}  // namespace stillpoint::repository

// SPDX-License-Identifier: Apache-2.0
#include "backup/window_json.h"

#include <stdexcept>

#include <nlohmann/json.hpp>

namespace stillpoint::backup {
namespace {

using Json = nlohmann::ordered_json;

std::int64_t milliseconds(base::Time time) {
  return std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch().count();
}

}  // namespace

Json json_of(const window::Endpoint& endpoint) {
  return {{"address", net::to_text(endpoint.address)}, {"ip", endpoint.ip}};
}

Json json_of(const window::PauseEvidence& evidence) {
  Json instances = Json::array();
  for (const window::InstanceEvidence& one : evidence.instances) {
    Json entry = json_of(one.endpoint);
    entry["paused_by_us"] = one.ours;
    entry["can_tell"] = one.can_tell;
    entry["drain_us"] = std::chrono::duration_cast<std::chrono::microseconds>(one.took).count();
    instances.push_back(entry);
  }
  return {{"verdict", evidence.against.empty() ? "paused" : "void"},
          {"against", evidence.against},
          {"asked", base::format_time(evidence.asked)},
          {"begin", base::format_time(evidence.begin)},
          {"end", base::format_time(evidence.end)},
          {"let_go", base::format_time(evidence.let_go)},
          {"pause_start_timestamp_ms", milliseconds(evidence.begin)},
          {"pause_end_timestamp_ms", milliseconds(evidence.end)},
          {"instances", instances}};
}

base::Time time_at(const Json& json, const char* name) {
  const auto time = base::parse_time(json.at(name).get<std::string>());
  if (!time) throw std::runtime_error(time.error().message);
  return *time;
}

window::PauseEvidence pause_evidence_of(const Json& json) {
  window::PauseEvidence evidence;
  evidence.asked = time_at(json, "asked");
  evidence.begin = time_at(json, "begin");
  evidence.end = time_at(json, "end");
  evidence.let_go = time_at(json, "let_go");
  evidence.against = json.at("against").get<std::vector<std::string>>();
  for (const Json& entry : json.at("instances")) {
    window::InstanceEvidence& one = evidence.instances.emplace_back();
    const auto address = net::parse_host_port(entry.at("address").get<std::string>());
    if (!address) throw std::runtime_error(address.error().message);
    one.endpoint = {*address, entry.at("ip").get<std::string>()};
    one.ours = entry.at("paused_by_us").get<bool>();
    one.can_tell = entry.at("can_tell").get<bool>();
    one.took = std::chrono::microseconds(entry.at("drain_us").get<std::int64_t>());
  }
  return evidence;
}

}  // namespace stillpoint::backup

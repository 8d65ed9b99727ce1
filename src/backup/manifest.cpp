// SPDX-License-Identifier: Apache-2.0
#include "backup/manifest.h"

#include <array>
#include <charconv>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "backup/window_json.h"
#include "base/encoding.h"

namespace stillpoint::backup {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<Branch, 6> branches = {
    Branch::one_snapshot,      Branch::commit_gate,       Branch::pause,
    Branch::no_layer_separate, Branch::no_layer_together, Branch::restore_point};
constexpr std::array<Verdict, 3> verdicts = {Verdict::proven, Verdict::paused, Verdict::unproven};

using std::chrono::microseconds;

Json json_of(const Evidence& e) {
  Json json = {{"kind", e.kind}, {"database", e.database}, {"holds", e.holds}, {"text", e.text}};
  if (!e.before.empty() || !e.after.empty()) {
    json["before"] = e.before;
    json["after"] = e.after;
  }
  return json;
}

Json json_of(const database::Object& object) {
  Json json = {{"kind", object.kind}, {"name", object.name}};
  if (object.rows) json["rows"] = *object.rows;
  if (object.checksum) json["checksum"] = fmt::format("{:016x}", *object.checksum);
  return json;
}

// Bounds grow where they are rounded.
Json json_of(const ClockFacts& clock) {
  Json json = {{"ahead_low_us", std::chrono::floor<microseconds>(clock.offset.low).count()},
               {"ahead_high_us", std::chrono::ceil<microseconds>(clock.offset.high).count()},
               {"granularity_us", std::chrono::ceil<microseconds>(clock.granularity).count()}};
  if (!clock.restore) return json;
  json["restore_time"] = base::format_time(clock.restore->time);
  json["earliest"] = base::format_time(clock.restore->earliest);
  json["latest"] = base::format_time(clock.restore->latest);
  return json;
}

Json json_of(const HeldWindow& window) {
  Json json = backup::json_of(window.pause);
  json["hold_rule"] = window.rule;
  json["held_us"] = std::chrono::floor<microseconds>(window.held).count();
  json["middle"] = base::format_time(window.middle());
  json["own_clock"] = {{"synchronised", window.own_clock.synchronised}};
  if (window.own_clock.synchronised) {
    json["own_clock"]["error_max_us"] = window.own_clock.error_max.count();
  }
  return json;
}

Json json_of(const std::vector<database::Setting>& settings) {
  Json json = Json::object();
  for (const auto& setting : settings) json[setting.name] = setting.value;
  return json;
}

Json json_of(const GateTry& one) {
  const auto us = [](base::Duration time) {
    return std::chrono::duration_cast<microseconds>(time).count();
  };
  Json json = {{"asked", base::format_time(one.asked)},
               {"waited_us", us(one.waited)},
               {"held_us", us(one.held)}};
  if (!one.failure.empty()) json["failure"] = one.failure;
  return json;
}

Json json_of(const DatabaseEntry& entry) {
  Json objects = Json::array();
  for (const auto& object : entry.objects) objects.push_back(json_of(object));
  Json files = Json::array();
  for (const auto& file : entry.files) {
    files.push_back({{"path", file.path}, {"bytes", file.bytes}, {"content", file.content.hex()}});
  }
  Json point = {{"kind", entry.point.kind},
                {"opened", base::format_time(entry.opened)},
                {"open_us", entry.open_time.count()}};
  if (!entry.point.position.empty()) point["position"] = entry.point.position;
  if (entry.clock) point["clock"] = json_of(*entry.clock);
  Json json = {{"name", entry.name},
               {"kind", entry.kind},
               {"url", entry.url},
               {"folder", entry.folder},
               {"restore_point", point},
               {"capabilities",
                {{"snapshot", entry.capabilities.snapshot},
                 {"writers_wait", entry.capabilities.writers_wait},
                 {"write_mark", entry.capabilities.write_mark},
                 {"hold_writes", entry.capabilities.hold_writes},
                 {"choice", entry.capabilities.choice},
                 {"behind", entry.capabilities.behind},
                 {"readers", entry.capabilities.readers}}},
               {"settings", json_of(entry.settings)},
               {"warnings", entry.warnings},
               {"left_out", entry.left_out},
               {"objects", objects},
               {"files", files}};
  if (!entry.lost.empty()) json["lost"] = entry.lost;
  return json;
}

// Reading: at() and get() throw on anything unexpected; decode_manifest catches that once.

struct NewerFormat : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A manifest may have been forged by whoever has the password: what it names must stay where it
// belongs.
void check_paths(const DatabaseEntry& entry) {
  if (!check_system_name(entry.name) || entry.folder != base::percent_encode(entry.name)) {
    throw std::runtime_error("a database has an impossible name or folder");
  }
  for (const StoredFile& file : entry.files) {
    if (!file.path.starts_with(entry.folder + "/") || file.path.size() == entry.folder.size() + 1) {
      throw std::runtime_error("a file lies outside of its database's folder");
    }
  }
}

Evidence evidence_of(const Json& json) {
  return {json.at("kind").get<std::string>(), json.at("database").get<std::string>(),
          json.value("before", ""),           json.value("after", ""),
          json.at("holds").get<bool>(),       json.at("text").get<std::string>()};
}

StoredFile file_of(const Json& json) {
  StoredFile file{json.at("path").get<std::string>(), json.at("bytes").get<std::uint64_t>(), {}};
  if (!Id::parse(json.at("content").get<std::string>(), file.content)) {
    throw std::runtime_error("'content' is not a SHA-256");
  }
  return file;
}

database::Object object_of(const Json& json) {
  database::Object object;
  object.kind = json.at("kind").get<std::string>();
  object.name = json.at("name").get<std::string>();
  if (json.contains("rows")) object.rows = json.at("rows").get<std::uint64_t>();
  if (!json.contains("checksum")) return object;
  const auto hex = json.at("checksum").get<std::string>();
  std::uint64_t sum = 0;
  const auto [end, error] = std::from_chars(hex.data(), hex.data() + hex.size(), sum, 16);
  if (error != std::errc() || end != hex.data() + 16 || hex.size() != 16) {
    throw std::runtime_error("'checksum' is not 16 hex digits");
  }
  object.checksum = sum;
  return object;
}

ClockFacts clock_of(const Json& json) {
  ClockFacts clock;
  clock.offset.low = microseconds(json.at("ahead_low_us").get<std::int64_t>());
  clock.offset.high = microseconds(json.at("ahead_high_us").get<std::int64_t>());
  clock.granularity = microseconds(json.at("granularity_us").get<std::int64_t>());
  if (json.contains("restore_time")) {
    clock.restore = {time_at(json, "restore_time"), time_at(json, "earliest"),
                     time_at(json, "latest")};
  }
  return clock;
}

HeldWindow window_of(const Json& json) {
  HeldWindow window;
  window.pause = pause_evidence_of(json);
  window.rule = json.at("hold_rule").get<std::string>();
  window.held = microseconds(json.at("held_us").get<std::int64_t>());
  const Json& clock = json.at("own_clock");
  window.own_clock = {clock.at("synchronised").get<bool>(),
                      microseconds(clock.value("error_max_us", std::int64_t{0}))};
  return window;
}

std::vector<database::Setting> settings_of(const Json& json) {
  std::vector<database::Setting> settings;
  for (const auto& [name, value] : json.items()) {
    settings.push_back({name, value.get<std::string>()});
  }
  return settings;
}

std::vector<GateTry> gate_of(const Json& json) {
  std::vector<GateTry> tries;
  for (const Json& one : json.at("tries")) {
    tries.push_back({time_at(one, "asked"), microseconds(one.at("waited_us").get<std::int64_t>()),
                     microseconds(one.at("held_us").get<std::int64_t>()),
                     one.value("failure", "")});
  }
  return tries;
}

DatabaseEntry entry_of(const Json& json) {
  DatabaseEntry entry;
  entry.name = json.at("name").get<std::string>();
  entry.kind = json.at("kind").get<std::string>();
  entry.url = json.at("url").get<std::string>();
  entry.folder = json.at("folder").get<std::string>();
  const Json& point = json.at("restore_point");
  entry.opened = time_at(point, "opened");
  entry.open_time = std::chrono::microseconds(point.at("open_us").get<std::int64_t>());
  entry.point = {point.at("kind").get<std::string>(), point.value("position", "")};
  if (point.contains("clock")) entry.clock = clock_of(point.at("clock"));
  const Json& able = json.at("capabilities");
  entry.capabilities = {able.at("snapshot").get<bool>(),   able.at("writers_wait").get<bool>(),
                        able.at("write_mark").get<bool>(), able.value("hold_writes", false),
                        able.value("choice", false),       able.value("behind", false),
                        able.value("readers", 1U)};
  entry.settings = settings_of(json.at("settings"));
  entry.warnings = json.at("warnings").get<std::vector<std::string>>();
  entry.left_out = json.value("left_out", std::vector<std::string>());
  for (const Json& object : json.at("objects")) entry.objects.push_back(object_of(object));
  for (const Json& file : json.at("files")) entry.files.push_back(file_of(file));
  check_paths(entry);
  return entry;
}

Manifest manifest_of(const Json& json) {
  if (const auto format = json.at("format").get<std::uint64_t>(); format != manifest_format) {
    throw NewerFormat(
        fmt::format("it has format {}, this program knows {}", format, manifest_format));
  }
  Manifest m;
  m.program = json.at("program").get<std::string>();
  m.system = json.at("system").get<std::string>();
  m.label = json.value("label", "");
  m.created = time_at(json, "created");
  const auto consistency = consistency_named(json.at("consistency").get<std::string>());
  if (!consistency) throw std::runtime_error(consistency.error().message);
  m.consistency = *consistency;
  const auto branch = json.at("plan").at("branch").get<std::string>();
  for (const Branch known : branches) {
    if (name_of(known) == branch) m.branch = known;
  }
  m.reason = json.at("plan").at("reason").get<std::string>();
  const auto verdict = json.at("verdict").get<std::string>();
  for (const Verdict known : verdicts) {
    if (name_of(known) == verdict) m.verdict = known;
  }
  m.layer = json.value("layer", "none");
  m.warnings = json.value("warnings", std::vector<std::string>());
  if (json.contains("layer_settings")) m.layer_settings = settings_of(json.at("layer_settings"));
  if (json.contains("window")) m.window = window_of(json.at("window"));
  if (json.contains("gate")) m.gate = gate_of(json.at("gate"));
  for (const Json& e : json.at("evidence")) m.evidence.push_back(evidence_of(e));
  for (const Json& entry : json.at("databases")) m.databases.push_back(entry_of(entry));
  return m;
}

}  // namespace

std::uint64_t DatabaseEntry::bytes() const {
  std::uint64_t sum = 0;
  for (const StoredFile& file : files) sum += file.bytes;
  return sum;
}

std::uint64_t DatabaseEntry::rows() const {
  std::uint64_t sum = 0;
  for (const database::Object& object : objects) sum += object.rows.value_or(0);
  return sum;
}

std::uint64_t DatabaseEntry::tables() const {
  std::uint64_t count = 0;
  for (const database::Object& object : objects) count += object.rows ? 1 : 0;
  return count;
}

std::string_view name_of(Branch branch) {
  switch (branch) {
    case Branch::one_snapshot:
      return "one_snapshot";
    case Branch::commit_gate:
      return "commit_gate";
    case Branch::pause:
      return "pause";
    case Branch::no_layer_separate:
      return "no_layer_separate";
    case Branch::no_layer_together:
      return "no_layer_together";
    case Branch::restore_point:
      return "restore_point";
  }
  return "";
}

std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::proven:
      return "proven";
    case Verdict::paused:
      return "paused";
    case Verdict::unproven:
      return "unproven";
    case Verdict::damaged:
      return "damaged";
  }
  return "";
}

std::string encode_manifest(const Manifest& m) {
  Json evidence = Json::array();
  for (const Evidence& e : m.evidence) evidence.push_back(json_of(e));
  Json databases = Json::array();
  for (const DatabaseEntry& entry : m.databases) databases.push_back(json_of(entry));
  Json json = {{"format", manifest_format},
               {"program", m.program},
               {"system", m.system},
               {"layer", m.layer},
               {"created", base::format_time(m.created)},
               {"consistency", name_of(m.consistency)},
               {"plan", {{"branch", name_of(m.branch)}, {"reason", m.reason}}},
               {"verdict", name_of(m.verdict)},
               {"evidence", evidence},
               {"databases", databases}};
  if (!m.warnings.empty()) json["warnings"] = m.warnings;
  if (!m.layer_settings.empty()) json["layer_settings"] = json_of(m.layer_settings);
  if (m.window) json["window"] = json_of(*m.window);
  if (!m.gate.empty()) {
    json["gate"] = {{"tries", Json::array()}};
    for (const GateTry& one : m.gate) json["gate"]["tries"].push_back(json_of(one));
  }
  if (!m.label.empty()) json["label"] = m.label;
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Manifest> decode_manifest(ByteView text) {
  try {
    return manifest_of(Json::parse(text.begin(), text.end()));
  } catch (const NewerFormat& e) {
    return fail(Error{Errc::unsupported, fmt::format("{}: {}", manifest_path, e.what()),
                      "use a newer stillpoint; or restore by hand with restic"});
  } catch (const std::exception& e) {
    return fail(Errc::corrupt, "{}: {}", manifest_path, e.what());
  }
}

}  // namespace stillpoint::backup

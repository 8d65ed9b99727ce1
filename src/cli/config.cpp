// SPDX-License-Identifier: Apache-2.0
#include "cli/config.h"

#include <charconv>
#include <filesystem>
#include <functional>
#include <map>
#include <set>

#include <yaml-cpp/yaml.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"
#include "cli/cache.h"
#include "repository/compression.h"

namespace stillpoint::cli {
namespace {

// "200ms", "10s", "2m", "1h".
Result<base::Duration> duration_of(const std::string& text) {
  static const std::map<std::string, double> seconds = {
      {"ms", 0.001}, {"s", 1}, {"m", 60}, {"h", 3600}};
  constexpr double seconds_max = 86'400;
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto unit = seconds.find(std::string(end, text.data() + text.size()));
  if (error == std::errc() && unit != seconds.end() && number > 0 &&
      number * unit->second <= seconds_max) {
    return std::chrono::duration_cast<base::Duration>(
        std::chrono::duration<double>(number * unit->second));
  }
  return fail(Errc::invalid, "'{}' is no time up to a day", base::printable(text));
}

// Reads one value and stores it where it belongs.
using Reader = std::function<Result<void>(const YAML::Node&)>;
using Readers = std::map<std::string, Reader>;

class ConfigParser {
 public:
  explicit ConfigParser(std::string path) : path_(std::move(path)) { config_.path = path_; }

  Result<Config> parse(const std::string& text) {
    const YAML::Node root = YAML::Load(text);
    if (root.IsNull()) return std::move(config_);
    TRY(read_map(root, "the configuration",
                 {{"repository", [&](const YAML::Node& n) { return read_repository(n); }},
                  {"systems", [&](const YAML::Node& n) { return read_systems(n); }},
                  {"cache", [&](const YAML::Node& n) { return read_cache(n); }},
                  {"state_dir", text_into(config_.state_dir)}}));
    return std::move(config_);
  }

  tl::unexpected<Error> wrong(const YAML::Mark& at, const std::string& what,
                              std::string advice = {}) const {
    return fail(Error{Errc::invalid,
                      fmt::format("{}:{}:{}: {}", path_, at.line + 1, at.column + 1, what),
                      std::move(advice)});
  }

 private:
  Result<void> read_map(const YAML::Node& map, const std::string& what, const Readers& readers) {
    return for_each(map, what,
                    [&](const std::string& name, const YAML::Node& key,
                        const YAML::Node& value) -> Result<void> {
                      const auto reader = readers.find(name);
                      if (reader == readers.end()) return unknown_key(key, what, readers);
                      return reader->second(value);
                    });
  }

  // Every entry of a map; a key that stands there twice is a mistake that YAML forgives.
  using Visit =
      std::function<Result<void>(const std::string&, const YAML::Node&, const YAML::Node&)>;
  Result<void> for_each(const YAML::Node& map, const std::string& what, const Visit& visit) {
    if (!map.IsMap()) return wrong(map.Mark(), what + " must be a map of names to values");
    std::set<std::string> seen;
    for (const auto& entry : map) {
      if (!entry.first.IsScalar()) return wrong(entry.first.Mark(), "a name is expected here");
      const auto name = entry.first.as<std::string>();
      if (!seen.insert(name).second) {
        return wrong(entry.first.Mark(),
                     what + " has the key '" + base::printable(name) + "' twice",
                     "remove one of the two");
      }
      TRY(visit(name, entry.first, entry.second));
    }
    return {};
  }

  tl::unexpected<Error> unknown_key(const YAML::Node& key, const std::string& what,
                                    const Readers& readers) const {
    std::vector<std::string> known;
    for (const auto& [name, reader] : readers) known.push_back(name);
    const auto name = key.as<std::string>();
    const std::string near = base::closest(name, known);
    return wrong(
        key.Mark(), fmt::format("{} has no key '{}'", what, base::printable(name)),
        near.empty() ? "known are: " + base::join(known, ", ") : "did you mean '" + near + "'?");
  }

  Reader text_into(std::string& place) {
    return [this, &place](const YAML::Node& node) -> Result<void> {
      if (!node.IsScalar()) return wrong(node.Mark(), "a text is expected here");
      place = node.as<std::string>();
      return {};
    };
  }

  Reader list_into(std::vector<std::string>& place) {
    return [this, &place](const YAML::Node& node) -> Result<void> {
      if (!node.IsSequence()) return wrong(node.Mark(), "a list is expected here: [a, b]");
      for (const auto& entry : node) TRY(text_into(place.emplace_back())(entry));
      return {};
    };
  }

  Result<void> read_repository(const YAML::Node& node) {
    return read_map(node, "repository",
                    {{"url", text_into(config_.repository)},
                     {"password_file", text_into(config_.password_file)},
                     {"password_command", text_into(config_.password_command)},
                     {"compression",
                      [this](const YAML::Node& n) -> Result<void> {
                        TRY(text_into(config_.compression)(n));
                        const auto known = repository::compression_named(config_.compression);
                        if (!known) return wrong(n.Mark(), known.error().message);
                        return {};
                      }},
                     {"pack_size", [this](const YAML::Node& n) -> Result<void> {
                        if (!n.IsScalar() || !YAML::convert<int>::decode(n, config_.pack_mib) ||
                            config_.pack_mib < 4 || config_.pack_mib > 128) {
                          return wrong(n.Mark(), "pack_size is a number of MiB from 4 to 128");
                        }
                        return {};
                      }}});
  }

  // "on", or a map that says more.
  Result<void> read_cache(const YAML::Node& node) {
    const auto use = [this](const YAML::Node& n) -> Result<void> {
      TRY(text_into(config_.cache)(n));
      const auto known = check_cache_use(config_.cache);
      if (!known) return wrong(n.Mark(), known.error().message, known.error().advice);
      return {};
    };
    const auto size = [this](const YAML::Node& n) -> Result<void> {
      std::string text;
      TRY(text_into(text)(n));
      const auto bytes = cache_size_named(text);
      if (!bytes) return wrong(n.Mark(), bytes.error().message, bytes.error().advice);
      config_.cache_bytes = *bytes;
      return {};
    };
    if (node.IsScalar()) return use(node);
    return read_map(node, "cache",
                    {{"use", use}, {"dir", text_into(config_.cache_dir)}, {"size", size}});
  }

  Result<void> read_systems(const YAML::Node& node) {
    return for_each(node, "systems",
                    [&](const std::string& name, const YAML::Node& key,
                        const YAML::Node& value) -> Result<void> {
                      ConfiguredSystem configured;
                      backup::System& system = configured.system;
                      system.name = name;
                      if (const auto good = backup::check_system_name(name); !good) {
                        return wrong(key.Mark(), good.error().message, "rename it");
                      }
                      TRY(read_system(value, configured));
                      TRY(check_system(key.Mark(), system));
                      config_.systems.push_back(std::move(configured));
                      return {};
                    });
  }

  // What a system of that layer needs.
  Result<void> check_system(const YAML::Mark& at, const backup::System& system) const {
    const layer::Spec& layer = system.layer;
    const std::string what = "system " + system.name;
    if (layer.any() && layer.properties.empty()) {
      const bool dl = layer.kind == "scalardl";
      return wrong(at, what + " has no properties",
                   dl ? "name the Ledger's file: ledger: /etc/scalardl/ledger.properties"
                      : "name ScalarDB's file: properties: /etc/bank/database.properties");
    }
    if (layer.kind != "scalardl" && !layer.auditor_properties.empty()) {
      return wrong(at, what + " has an auditor, but not the layer scalardl", "layer: scalardl");
    }
    if (!layer.any() && !layer.properties.empty()) {
      return wrong(at, what + " has properties, but no layer", "add layer: scalardb");
    }
    if (layer.any() || !system.databases.empty()) return {};
    return wrong(at, what + " has no databases",
                 "name them: databases: {accounts: /srv/accounts.db}");
  }

  Reader texts_into(std::vector<std::string>& place) {
    return [this, &place](const YAML::Node& node) -> Result<void> {
      if (node.IsSequence()) return list_into(place)(node);
      return text_into(place.emplace_back())(node);
    };
  }

  Reader flag_into(bool& place) {
    return [this, &place](const YAML::Node& node) -> Result<void> {
      if (node.IsScalar() && YAML::convert<bool>::decode(node, place)) return {};
      return wrong(node.Mark(), "true or false is expected here");
    };
  }

  Reader time_into(base::Duration& place) {
    return [this, &place](const YAML::Node& node) -> Result<void> {
      std::string text;
      TRY(text_into(text)(node));
      const auto time = duration_of(text);
      if (!time) return wrong(node.Mark(), time.error().message, "write 200ms, 10s, 2m or 1h");
      place = *time;
      return {};
    };
  }

  Reader layer_into(std::string& place) {
    return [this, &place](const YAML::Node& node) -> Result<void> {
      TRY(text_into(place)(node));
      if (place == "none" || place == "scalardb" || place == "scalardl") return {};
      return wrong(node.Mark(), fmt::format("layer '{}' is not supported", base::printable(place)),
                   "this version knows scalardb, scalardl and none");
    };
  }

  Result<void> read_system(const YAML::Node& node, ConfiguredSystem& configured) {
    backup::System& system = configured.system;
    const YAML::Node layer = node.IsMap() ? node["layer"] : YAML::Node();
    layered_ = layer && layer.IsScalar() && layer.Scalar() != "none";
    const auto consistency = [&](const YAML::Node& n) -> Result<void> {
      std::string text;
      TRY(text_into(text)(n));
      const auto known = backup::consistency_named(text);
      if (!known) return wrong(n.Mark(), known.error().message);
      system.consistency = *known;
      return {};
    };
    return read_map(
        node, "system " + system.name,
        {{"layer", layer_into(system.layer.kind)},
         {"properties", texts_into(system.layer.properties)},
         {"ledger", texts_into(system.layer.properties)},
         {"auditor", texts_into(system.layer.auditor_properties)},
         {"window", [&](const YAML::Node& n) { return read_window(n, configured); }},
         {"consistency", consistency},
         {"databases", [&](const YAML::Node& n) { return read_databases(n, system); }}});
  }

  Result<void> read_window(const YAML::Node& node, ConfiguredSystem& configured) {
    backup::WindowSpec& window = configured.system.window;
    const auto use = [&](const YAML::Node& n) -> Result<void> {
      std::string text;
      TRY(text_into(text)(n));
      const auto kind = backup::window_kind_named(text);
      if (!kind) return wrong(n.Mark(), kind.error().message);
      window.kind = *kind;
      return {};
    };
    return read_map(node, "window of " + configured.system.name,
                    {{"use", use},
                     {"wait_max", time_into(window.wait_max)},
                     {"hold_max", time_into(window.hold_max)},
                     {"pause", [&](const YAML::Node& n) { return read_pause(n, configured); }}});
  }

  Result<void> read_pause(const YAML::Node& node, ConfiguredSystem& configured) {
    backup::WindowSpec& window = configured.system.window;
    PauseTarget& target = configured.pause;
    return read_map(node, "pause of " + configured.system.name,
                    {{"srv", texts_into(target.srv)},
                     {"addresses", texts_into(target.addresses)},
                     {"tls", flag_into(target.tls)},
                     {"ca_root_cert_path", text_into(target.ca_path)},
                     {"override_authority", text_into(target.authority)},
                     {"dns_server", text_into(target.dns_server)},
                     {"drain_max", time_into(window.drain_max)},
                     {"hold_max", time_into(window.pause_max)}});
  }

  Result<void> read_databases(const YAML::Node& node, backup::System& system) {
    return for_each(node, "databases",
                    [&](const std::string& name, const YAML::Node& key,
                        const YAML::Node& value) -> Result<void> {
                      backup::DatabaseSpec spec;
                      spec.name = name;
                      if (const auto good = backup::check_system_name(name); !good) {
                        return wrong(key.Mark(), good.error().message, "rename it");
                      }
                      TRY(read_database(value, spec));
                      system.databases.push_back(std::move(spec));
                      return {};
                    });
  }

  // A URL, or a map that says more.
  Result<void> read_database(const YAML::Node& node, backup::DatabaseSpec& spec) {
    if (!node.IsMap()) return text_into(spec.address.url)(node);
    TRY(read_map(node, "database " + spec.name,
                 {{"url", text_into(spec.address.url)},
                  {"password_file", text_into(spec.address.password_file)},
                  {"password_command", text_into(spec.address.password_command)},
                  {"tables", list_into(spec.choice.tables)},
                  {"exclude_tables", list_into(spec.choice.exclude)}}));
    if (!spec.address.url.empty() || layered_) return {};
    return wrong(node.Mark(), "database " + spec.name + " has no url", "add one: url: ...");
  }

  std::string path_;
  Config config_;
  bool layered_ = false;  // the system that is being read has a layer, which names databases
};

}  // namespace

Result<Config> parse_config(const std::string& text, const std::string& path) {
  ConfigParser parser(path);
  try {
    return parser.parse(text);
  } catch (const YAML::Exception& e) {
    return parser.wrong(e.mark, "not YAML: " + e.msg);
  }
}

Result<Config> load_config(const std::string& path) {
  std::string found = path;
  if (found.empty()) {
    for (const char* place : {"stillpoint.yaml", "/etc/stillpoint/stillpoint.yaml"}) {
      std::error_code ignored;
      if (found.empty() && std::filesystem::exists(place, ignored)) found = place;
    }
  }
  if (found.empty()) return Config();
  const Result<Bytes> text = base::read_file(found, limits::config_bytes_max);
  if (!text) {
    return fail(Error(text.error())
                    .during("read the configuration")
                    .advise("check the path that --config names"));
  }
  return parse_config(std::string(base::text_of(*text)), found);
}

}  // namespace stillpoint::cli

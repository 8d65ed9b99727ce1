// SPDX-License-Identifier: Apache-2.0
#include "cli/config.h"

#include <filesystem>
#include <functional>
#include <map>
#include <set>

#include <yaml-cpp/yaml.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"
#include "repository/compression.h"

namespace stillpoint::cli {
namespace {

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

  Result<void> read_systems(const YAML::Node& node) {
    return for_each(node, "systems",
                    [&](const std::string& name, const YAML::Node& key,
                        const YAML::Node& value) -> Result<void> {
                      backup::System system;
                      system.name = name;
                      if (const auto good = backup::check_system_name(name); !good) {
                        return wrong(key.Mark(), good.error().message, "rename it");
                      }
                      TRY(read_system(value, system));
                      if (system.databases.empty()) {
                        return wrong(key.Mark(), "system " + name + " has no databases",
                                     "name them: databases: {accounts: /srv/accounts.db}");
                      }
                      config_.systems.push_back(std::move(system));
                      return {};
                    });
  }

  Result<void> read_system(const YAML::Node& node, backup::System& system) {
    const auto consistency = [&](const YAML::Node& n) -> Result<void> {
      std::string text;
      TRY(text_into(text)(n));
      const auto known = backup::consistency_named(text);
      if (!known) return wrong(n.Mark(), known.error().message);
      system.consistency = *known;
      return {};
    };
    const auto layer = [&](const YAML::Node& n) -> Result<void> {
      std::string text;
      TRY(text_into(text)(n));
      if (text != "none") {
        return wrong(n.Mark(), fmt::format("layer '{}' is not supported", base::printable(text)),
                     "this version knows the layer 'none'");
      }
      return {};
    };
    return read_map(
        node, "system " + system.name,
        {{"layer", layer}, {"consistency", consistency}, {"databases", [&](const YAML::Node& n) {
                                                            return read_databases(n, system);
                                                          }}});
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
    if (!spec.address.url.empty()) return {};
    return wrong(node.Mark(), "database " + spec.name + " has no url", "add one: url: ...");
  }

  std::string path_;
  Config config_;
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

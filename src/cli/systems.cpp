// SPDX-License-Identifier: Apache-2.0
#include "cli/systems.h"

#include <algorithm>
#include <filesystem>

#include "base/log.h"
#include "base/text.h"
#include "cli/window.h"
#include "database/target.h"

namespace stillpoint::cli {
namespace {

bool looks_like_url(const std::string& word) {
  std::error_code ignored;
  return word.find('/') != std::string::npos || word.find(':') != std::string::npos ||
         std::filesystem::exists(word, ignored) || database::kind_of(word).has_value();
}

tl::unexpected<Error> unknown(const std::string& word, const std::vector<ConfiguredSystem>& known) {
  std::vector<std::string> names;
  for (const ConfiguredSystem& one : known) names.push_back(one.system.name);
  const std::string near = base::closest(word, names);
  return fail(Error{Errc::not_found,
                    fmt::format("'{}' is neither a system nor a database", base::printable(word)),
                    !near.empty()   ? "did you mean '" + near + "'?"
                    : names.empty() ? "give a file or a URL, or describe it in stillpoint.yaml"
                                    : "known systems: " + base::join(names, ", ")});
}

ConfiguredSystem system_of_properties(const PropertiesOptions& options) {
  ConfiguredSystem one;
  one.system.name = options.system.empty()
                        ? std::filesystem::path(options.properties.front()).stem().string()
                        : options.system;
  one.system.layer = {"scalardb", options.properties, {}};
  return one;
}

Result<std::vector<ConfiguredSystem>> choose(const Session& session, const SystemChoice& choice) {
  const std::vector<ConfiguredSystem>& known = session.config.systems;
  std::vector<ConfiguredSystem> chosen;
  if (!choice.properties.properties.empty()) {
    chosen.push_back(system_of_properties(choice.properties));
  } else if (choice.what.empty() && known.empty()) {
    return fail(Error{Errc::invalid, "nothing was named to back up",
                      "name a database (stillpoint backup /srv/bank.db) or write stillpoint.yaml"});
  } else if (choice.what.empty()) {
    return known;
  }
  for (const std::string& word : choice.what) {
    const auto at = std::find_if(known.begin(), known.end(), [&](const ConfiguredSystem& one) {
      return one.system.name == word;
    });
    if (at != known.end()) {
      chosen.push_back(*at);
    } else if (looks_like_url(word)) {
      chosen.push_back({
        TRY(backup::system_of_url(word))
        , {}
      });
    } else {
      return unknown(word, known);
    }
  }
  return chosen;
}

}  // namespace

Result<std::vector<backup::System>> find_systems(const Session& session,
                                                 const SystemChoice& choice) {
  std::vector<ConfiguredSystem> chosen = TRY(choose(session, choice));
  std::vector<backup::System> systems;
  for (ConfiguredSystem& one : chosen) {
    const PauseTarget& target = choice.window.target.any() ? choice.window.target : one.pause;
    backup::System& system = one.system;
    const std::string doing = "system " + system.name;
    if (target.any()) system.window.services = TRY_DURING(doing, services_of(target));
    if (!choice.window.kind.empty()) {
      system.window.kind = TRY(backup::window_kind_named(choice.window.kind));
    }
    TRY_DURING(doing, backup::add_databases_of_layer(system, choice.unreadable));
    systems.push_back(std::move(system));
  }
  return systems;
}

std::vector<backup::DatabaseSpec> known_databases(const Session& session,
                                                  const PropertiesOptions& properties) {
  std::vector<ConfiguredSystem> systems = session.config.systems;
  if (!properties.properties.empty()) systems.push_back(system_of_properties(properties));
  std::vector<backup::DatabaseSpec> all;
  for (ConfiguredSystem& one : systems) {
    const auto added = backup::add_databases_of_layer(one.system, layer::Unreadable::listed);
    if (!added) {
      log(LogLevel::warning, "system {}: {}: its databases are not known", one.system.name,
          added.error().message);
    }
    for (backup::DatabaseSpec& spec : one.system.databases) {
      if (!spec.address.url.empty()) all.push_back(std::move(spec));
    }
  }
  return all;
}

}  // namespace stillpoint::cli

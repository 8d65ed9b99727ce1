// SPDX-License-Identifier: Apache-2.0
#include "backup/system.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/text.h"

namespace stillpoint::backup {
namespace {

constexpr std::size_t name_bytes_max = 64;
constexpr std::size_t label_bytes_max = 100;

bool may_be_in_name(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '-';
}

// "db1" of "mysql://backup@db1:3306/", which names a server and nothing on it; else empty.
std::string_view server_of(std::string_view url) {
  const std::size_t begin = url.find("://");
  if (begin == std::string_view::npos) return {};
  std::string_view server = url.substr(begin + 3);
  const std::size_t end = server.find('/');
  if (end != std::string_view::npos && server.find_first_not_of('/', end) != server.npos) return {};
  server = server.substr(0, end);
  server = server.substr(server.find('@') + 1);
  return server.substr(0, server.rfind(':'));
}

// What follows the last slash, without its ending, and with '_' for what a name may not have.
std::string stem_of(std::string_view url) {
  if (url.find("://") != std::string_view::npos) url = url.substr(0, url.find_first_of("?#"));
  const std::string_view server = server_of(url);
  if (!server.empty()) url = server;
  while (url.size() > 1 && url.ends_with('/')) url.remove_suffix(1);
  const std::size_t slash = url.find_last_of("/:");
  std::string stem(url.substr(slash == std::string_view::npos ? 0 : slash + 1));
  const std::size_t dot = stem.rfind('.');
  if (server.empty() && dot != std::string::npos && dot > 0) {
    stem.resize(dot);
  }
  std::replace_if(stem.begin(), stem.end(), [](char c) { return !may_be_in_name(c); }, '_');
  if (stem.empty() || std::isalnum(static_cast<unsigned char>(stem[0])) == 0) stem = "db" + stem;
  return stem.substr(0, name_bytes_max);
}

}  // namespace

std::string_view name_of(Consistency consistency) {
  return consistency == Consistency::together ? "together" : "separate";
}

Result<Consistency> consistency_named(std::string_view name) {
  if (name == "separate") return Consistency::separate;
  if (name == "together") return Consistency::together;
  return fail(Errc::invalid, "'{}' is not a consistency: separate or together",
              base::printable(name));
}

Result<WindowKind> window_kind_named(std::string_view name) {
  if (name == "auto") return WindowKind::automatic;
  if (name == "gate") return WindowKind::gate;
  if (name == "pause") return WindowKind::pause;
  return fail(Errc::invalid, "'{}' is no window: auto, gate or pause", base::printable(name));
}

Result<void> add_databases_of_layer(System& system, layer::Unreadable unreadable) {
  if (!system.layer.any()) return {};
  const auto layer = TRY(layer::make_layer(system.layer, unreadable));
  system.elsewhere = layer->elsewhere();
  std::vector<DatabaseSpec> said = std::move(system.databases);
  system.databases.clear();
  std::vector<std::string> names;
  for (const layer::Place& place : layer->places()) {
    names.push_back(place.name);
    TRY_DURING("storage " + base::printable(place.name), check_system_name(place.name));
    const auto other = std::find_if(said.begin(), said.end(), [&](const DatabaseSpec& spec) {
      return spec.name == place.name;
    });
    if (other == said.end()) {
      system.databases.push_back({place.name, {place.url, {}, {}}, {}});
      continue;
    }
    if (other->address.url.empty()) other->address.url = place.url;
    system.databases.push_back(std::move(*other));
    said.erase(other);
  }
  if (said.empty()) return {};
  return fail(Error{Errc::invalid,
                    "the properties name no storage " + base::printable(said.front().name),
                    "they name: " + base::join(names, ", ") +
                        "; a database that has nothing to do with them is a system of its own"});
}

Result<void> check_system_name(std::string_view name) {
  const bool good = !name.empty() && name.size() <= name_bytes_max &&
                    std::isalnum(static_cast<unsigned char>(name[0])) != 0 &&
                    std::all_of(name.begin(), name.end(), may_be_in_name);
  if (good) return {};
  return fail(Errc::invalid,
              "'{}' is not a name: a letter or digit, then letters, digits, '.', '_', '-', "
              "{} at most",
              base::printable(name), name_bytes_max);
}

Result<void> check_label(std::string_view label) {
  constexpr std::array<std::string_view, 7> taken = {"stillpoint", "latest",  "proven",  "paused",
                                                     "unproven",   "damaged", "repaired"};
  if (std::find(taken.begin(), taken.end(), label) != taken.end()) {
    return fail(Errc::invalid, "'{}' cannot be a label: the word has another meaning", label);
  }
  const bool good = !label.empty() && label.size() <= label_bytes_max &&
                    base::printable(label) == label &&
                    label.find_first_of(", ") == std::string_view::npos;
  if (good) return {};
  return fail(Errc::invalid, "'{}' is not a label: {} printable bytes at most, no comma or blank",
              base::printable(label), label_bytes_max);
}

Result<System> system_of_url(const std::string& url) {
  const std::string name = stem_of(url);
  TRY(check_system_name(name));
  System system;
  system.name = name;
  system.databases = {{name, {url}, {}}};
  return system;
}

}  // namespace stillpoint::backup

// SPDX-License-Identifier: Apache-2.0
#include "layer/scalardb/settings.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"
#include "layer/scalardb/jdbc_url.h"

namespace stillpoint::layer::scalardb {
namespace {

const std::string prefix = "scalar.db.";
const std::string multi = prefix + "multi_storage.";
const std::string consensus = prefix + "consensus_commit.";
constexpr const char* only_storage = "database";
constexpr const char* state_table = "state";

Result<void> check_manager(const Properties& properties) {
  const std::string name = TRY(properties.get(prefix + "transaction_manager", "consensus-commit"));
  if (name == "consensus-commit") return {};
  const std::string what = "its transaction manager is " + base::printable(name);
  if (name == "cluster") {
    return fail(Error{Errc::unsupported,
                      what + ": these are the properties of a client of ScalarDB Cluster, which "
                             "does not know the databases",
                      "give the properties of the cluster's nodes "
                      "(scalardb-cluster-node.properties)"});
  }
  if (name == "jdbc") {
    return fail(Error{Errc::unsupported,
                      what + ": its transactions are those of one database, without a coordinator",
                      "back that database up by its own URL"});
  }
  return fail(Error{Errc::unsupported,
                    what + ": there are no transactions over several records that could be kept "
                           "whole",
                    "back the databases up by their own URLs"});
}

tl::unexpected<Error> refuse_storage(const std::string& name, const std::string& kind) {
  return fail(Error{Errc::unsupported,
                    "storage " + base::printable(name) + " is " + base::printable(kind) +
                        ": no snapshot of it can be opened at a chosen instant",
                    "mark an instant while all stand still, and restore by the service's own "
                    "point in time: stillpoint restore-point"});
}

template <class Ones>
auto named(Ones& ones, const std::string& name) {
  return std::find_if(ones.begin(), ones.end(), [&](const auto& one) { return one.name == name; });
}

auto same_database(const std::vector<Storage>& storages, const Storage& storage) {
  const std::string identity = identity_of_url(storage.url);
  return std::find_if(storages.begin(), storages.end(),
                      [&](const Storage& one) { return identity_of_url(one.url) == identity; });
}

// Where its metadata are: one namespace for all.
Result<void> read_system_namespace(const std::string& name, const Properties& properties,
                                   Settings& settings) {
  std::string system = TRY(properties.get(prefix + "system_namespace_name", "scalardb"));
  system = TRY(properties.get(prefix + "jdbc.table_metadata.schema", system));
  if (settings.storages.empty()) settings.system_namespace = system;
  if (settings.system_namespace == system) return {};
  return fail(Error{Errc::unsupported,
                    "storage " + base::printable(name) +
                        " has its metadata in another namespace than the storage before",
                    "let the metadata have one namespace in all storages"});
}

Result<void> read_storage(const std::string& name, const Properties& properties, Others others,
                          Settings& settings) {
  const std::string kind = TRY(properties.get(prefix + "storage", "cassandra"));
  if (kind == "multi-storage") {
    return fail(Error{Errc::invalid, "storage " + base::printable(name) + " is multi-storage again",
                      "ScalarDB refuses it, too"});
  }
  if (kind != "jdbc") {
    if (others == Others::refused) return refuse_storage(name, kind);
    settings.others.push_back({name, kind});
    return {};
  }
  const std::string contact = TRY(properties.get(prefix + "contact_points", ""));
  if (contact.empty()) {
    return fail(Error{Errc::invalid, "storage " + base::printable(name) + " has no contact points",
                      "set " + prefix + "contact_points to its JDBC URL"});
  }
  if (const auto product = other_product(contact); product && others == Others::listed) {
    settings.others.push_back({name, *product});
    return {};
  }
  const std::string user = TRY(properties.get(prefix + "username", ""));
  const std::string password = TRY(properties.get(prefix + "password", ""));
  const std::string url =
      TRY_DURING("storage " + base::printable(name), url_of_jdbc(contact, user, password));
  TRY(read_system_namespace(name, properties, settings));
  const Storage storage{name, url};
  const auto same = same_database(settings.storages, storage);
  if (same == settings.storages.end()) {
    settings.storages.push_back(storage);
    return {};
  }
  // No other storage, but another name of that one.
  for (Coordinator& one : settings.coordinators) {
    if (one.storage == name) one.storage = same->name;
  }
  return {};
}

// What one storage of several has: the common properties, and its own instead.
Properties properties_of(const Properties& all, const std::string& storage) {
  const std::string own = multi + "storages." + storage + ".";
  Properties properties;
  for (const auto& [name, value] : all.values()) {
    if (!name.starts_with(multi)) properties.set(name, value);
  }
  for (const auto& [name, value] : all.values()) {
    if (name.starts_with(own)) properties.set(prefix + name.substr(own.size()), value);
  }
  return properties;
}

// Where "what" is, by a list of "what:storage".
Result<std::optional<std::string>> mapped(const Properties& properties, const std::string& name,
                                          const std::string& what) {
  for (const std::string& one : TRY(properties.list(name))) {
    const std::size_t colon = one.find(':');
    if (colon == std::string::npos) {
      return fail(
          Error{Errc::invalid, name + " has a part without ':'", "ScalarDB refuses it, too"});
    }
    if (one.substr(0, colon) == what) return one.substr(colon + 1);
  }
  return std::nullopt;
}

Result<std::string> storage_of(const Properties& properties, const std::string& name_space,
                               const std::string& table) {
  const auto by_table = TRY(mapped(properties, multi + "table_mapping", name_space + "." + table));
  if (by_table) return *by_table;
  const auto by_namespace = TRY(mapped(properties, multi + "namespace_mapping", name_space));
  if (by_namespace) return *by_namespace;
  return properties.get(multi + "default_storage", "");
}

Result<void> read_several(const Properties& properties, Others others, Settings& settings) {
  const std::vector<std::string> names = TRY(properties.list(multi + "storages"));
  Coordinator& coordinator = settings.coordinators.front();
  coordinator.storage = TRY(storage_of(properties, coordinator.name_space, state_table));
  if (std::find(names.begin(), names.end(), coordinator.storage) == names.end()) {
    return fail(
        Error{Errc::invalid,
              "no storage is named for the namespace " + base::printable(coordinator.name_space) +
                  " of the coordinator",
              "set " + multi + "default_storage, or map it in " + multi + "namespace_mapping"});
  }
  for (const std::string& name : names) {
    TRY(read_storage(name, properties_of(properties, name), others, settings));
  }
  return {};
}

Result<void> check_name(const Settings& settings, const std::string& name) {
  const bool taken = named(settings.storages, name) != settings.storages.end() ||
                     named(settings.others, name) != settings.others.end();
  if (!taken) return {};
  return fail(Error{Errc::invalid,
                    "two databases are called " + base::printable(name) + " in the files",
                    "give every database a name of its own; applications without a database in "
                    "common are systems of their own"});
}

Result<void> join_storages(Settings& joined, const Settings& other) {
  for (const Storage& storage : other.storages) {
    if (same_database(joined.storages, storage) != joined.storages.end()) continue;
    TRY(check_name(joined, storage.name));
    joined.storages.push_back(storage);
  }
  for (const OtherStorage& storage : other.others) {
    const auto& known = joined.others;
    if (std::find(known.begin(), known.end(), storage) != known.end()) continue;
    TRY(check_name(joined, storage.name));
    joined.others.push_back(storage);
  }
  return {};
}

void join_coordinators(Settings& joined, const Settings& other) {
  for (Coordinator one : other.coordinators) {
    const auto storage = named(other.storages, one.storage);
    if (storage != other.storages.end()) {
      one.storage = same_database(joined.storages, *storage)->name;
    }
    auto& known = joined.coordinators;
    if (std::find(known.begin(), known.end(), one) == known.end()) known.push_back(std::move(one));
  }
}

}  // namespace

Result<Settings> read_settings(const Properties& properties, Others others) {
  TRY(check_manager(properties));
  Settings settings;
  Coordinator coordinator;
  coordinator.name_space = TRY(properties.get(consensus + "coordinator.namespace", "coordinator"));
  settings.coordinators.push_back(coordinator);
  settings.one_phase_commit = TRY(properties.flag(consensus + "one_phase_commit.enabled", false));
  settings.group_commit =
      TRY(properties.flag(consensus + "coordinator.group_commit.enabled", false));
  settings.async_commit = TRY(properties.flag(consensus + "async_commit.enabled", false));
  settings.write_set_logging =
      TRY(properties.flag(consensus + "coordinator.write_set_logging.enabled", false));
  if (TRY(properties.get(prefix + "storage", "cassandra")) == "multi-storage") {
    TRY(read_several(properties, others, settings));
  } else {
    settings.coordinators.front().storage = only_storage;
    TRY(read_storage(only_storage, properties, others, settings));
  }
  return settings;
}

Result<Settings> join(std::vector<Settings> all) {
  if (all.empty()) return fail(Errc::invalid, "no properties were named");
  Settings joined = std::move(all.front());
  for (std::size_t i = 1; i < all.size(); ++i) {
    const Settings& other = all[i];
    if (joined.storages.empty()) joined.system_namespace = other.system_namespace;
    if (!other.storages.empty() && other.system_namespace != joined.system_namespace) {
      return fail(Error{Errc::invalid, "their metadata is in different namespaces",
                        "applications on the same databases share one: back up the others as a "
                        "system of their own"});
    }
    TRY(join_storages(joined, other));
    join_coordinators(joined, other);
    joined.one_phase_commit |= other.one_phase_commit;
    joined.group_commit |= other.group_commit;
    joined.async_commit |= other.async_commit;
    joined.write_set_logging |= other.write_set_logging;
  }
  return joined;
}

Result<Settings> read_settings_of(const std::vector<std::string>& paths, Others others) {
  std::vector<Settings> all;
  for (const std::string& path : paths) {
    const std::string doing = "properties " + path;
    const Bytes bytes = TRY_DURING(doing, base::read_file(path, limits::config_bytes_max));
    const Properties properties = TRY_DURING(doing, Properties::parse(base::text_of(bytes)));
    all.push_back(TRY_DURING(doing, read_settings(properties, others)));
  }
  return join(std::move(all));
}

}  // namespace stillpoint::layer::scalardb

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

Result<Storage> read_storage(const std::string& name, const Properties& properties) {
  const std::string kind = TRY(properties.get(prefix + "storage", "cassandra"));
  if (kind != "jdbc") {
    return fail(Error{Errc::unsupported,
                      "storage " + base::printable(name) + " is " + base::printable(kind) +
                          ": no snapshot of it can be opened at a chosen instant",
                      "mark an instant while all stand still, and restore by the service's own "
                      "point in time: stillpoint restore-point"});
  }
  const std::string contact = TRY(properties.get(prefix + "contact_points", ""));
  if (contact.empty()) {
    return fail(Error{Errc::invalid, "storage " + base::printable(name) + " has no contact points",
                      "set " + prefix + "contact_points to its JDBC URL"});
  }
  const std::string user = TRY(properties.get(prefix + "username", ""));
  const std::string password = TRY(properties.get(prefix + "password", ""));
  return Storage {
    name, TRY_DURING("storage " + base::printable(name), url_of_jdbc(contact, user, password))
  };
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

Result<void> read_several(const Properties& properties, Settings& settings) {
  const std::vector<std::string> names = TRY(properties.list(multi + "storages"));
  for (const std::string& name : names) {
    settings.storages.push_back(TRY(read_storage(name, properties_of(properties, name))));
  }
  Coordinator& coordinator = settings.coordinators.front();
  coordinator.storage = TRY(storage_of(properties, coordinator.name_space, state_table));
  if (std::find(names.begin(), names.end(), coordinator.storage) != names.end()) return {};
  return fail(
      Error{Errc::invalid,
            "no storage is named for the namespace " + base::printable(coordinator.name_space) +
                " of the coordinator",
            "set " + multi + "default_storage, or map it in " + multi + "namespace_mapping"});
}

}  // namespace

Result<Settings> read_settings(const Properties& properties) {
  TRY(check_manager(properties));
  Settings settings;
  Coordinator coordinator;
  coordinator.name_space = TRY(properties.get(consensus + "coordinator.namespace", "coordinator"));
  settings.coordinators.push_back(coordinator);
  const std::string system = TRY(properties.get(prefix + "system_namespace_name", "scalardb"));
  settings.system_namespace = TRY(properties.get(prefix + "jdbc.table_metadata.schema", system));
  settings.one_phase_commit = TRY(properties.flag(consensus + "one_phase_commit.enabled", false));
  settings.group_commit =
      TRY(properties.flag(consensus + "coordinator.group_commit.enabled", false));
  settings.async_commit = TRY(properties.flag(consensus + "async_commit.enabled", false));
  settings.write_set_logging =
      TRY(properties.flag(consensus + "coordinator.write_set_logging.enabled", false));
  if (TRY(properties.get(prefix + "storage", "cassandra")) == "multi-storage") {
    TRY(read_several(properties, settings));
  } else {
    settings.storages.push_back(TRY(read_storage(only_storage, properties)));
    settings.coordinators.front().storage = only_storage;
  }
  return settings;
}

Result<Settings> join(std::vector<Settings> all) {
  if (all.empty()) return fail(Errc::invalid, "no properties were named");
  Settings joined = std::move(all.front());
  for (std::size_t i = 1; i < all.size(); ++i) {
    Settings& other = all[i];
    if (other.system_namespace != joined.system_namespace) {
      return fail(Error{Errc::invalid, "their metadata is in different namespaces",
                        "applications on the same databases share one: back up the others as a "
                        "system of their own"});
    }
    for (Storage& storage : other.storages) {
      const auto same = std::find_if(joined.storages.begin(), joined.storages.end(),
                                     [&](const Storage& s) { return s.name == storage.name; });
      if (same == joined.storages.end()) {
        joined.storages.push_back(std::move(storage));
      } else if (same->url != storage.url) {
        return fail(Error{Errc::invalid,
                          "the storage " + base::printable(storage.name) +
                              " stands for two databases in the files",
                          "name databases and users alike in all of them, or each by another "
                          "name"});
      }
    }
    for (const Coordinator& one : other.coordinators) {
      const auto& known = joined.coordinators;
      if (std::find(known.begin(), known.end(), one) == known.end()) {
        joined.coordinators.push_back(one);
      }
    }
    joined.one_phase_commit |= other.one_phase_commit;
    joined.group_commit |= other.group_commit;
    joined.async_commit |= other.async_commit;
    joined.write_set_logging |= other.write_set_logging;
  }
  return joined;
}

Result<Settings> read_settings_of(const std::vector<std::string>& paths, Others) {
  std::vector<Settings> all;
  for (const std::string& path : paths) {
    const std::string doing = "properties " + path;
    const Bytes bytes = TRY_DURING(doing, base::read_file(path, limits::config_bytes_max));
    const Properties properties = TRY_DURING(doing, Properties::parse(base::text_of(bytes)));
    all.push_back(TRY_DURING(doing, read_settings(properties)));
  }
  return join(std::move(all));
}

}  // namespace stillpoint::layer::scalardb

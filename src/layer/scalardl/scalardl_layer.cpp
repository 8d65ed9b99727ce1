// SPDX-License-Identifier: Apache-2.0
#include "layer/scalardl/scalardl_layer.h"

#include <algorithm>
#include <map>

#include "database/target.h"
#include "layer/scalardb/scalardb_layer.h"

namespace stillpoint::layer::scalardl {
namespace {

using scalardb::Settings;
using scalardb::Storage;

// "ledger", or "ledger.NAME" where it has several storages. What `taken` has already goes by the
// name that it has there.
void rename_storages(Settings& settings, const std::string& front,
                     const std::vector<Storage>& taken) {
  std::map<std::string, std::string> names;
  const bool single = settings.storages.size() == 1 && settings.others.empty();
  for (Storage& storage : settings.storages) {
    const auto same = std::find_if(taken.begin(), taken.end(), [&](const Storage& one) {
      return database::same_place(one.url, storage.url);
    });
    const std::string name = same != taken.end() ? same->name
                             : single            ? front
                                                 : front + "." + storage.name;
    names[storage.name] = name;
    storage.name = name;
    if (same != taken.end()) storage.url = same->url;
  }
  for (scalardb::Coordinator& one : settings.coordinators) {
    if (const auto known = names.find(one.storage); known != names.end()) {
      one.storage = known->second;
    }
  }
  const bool alone = settings.others.size() == 1 && settings.storages.empty();
  for (scalardb::OtherStorage& one : settings.others) {
    one.name = alone ? front : front + "." + one.name;
  }
}

}  // namespace

Result<std::unique_ptr<Layer>> layer_of(const Spec& spec, Unreadable unreadable) {
  using scalardb::Others;
  const Others others = unreadable == Unreadable::listed ? Others::listed : Others::refused;
  scalardb::LayerSpec layer{"scalardl", {}, true};
  Settings ledger = TRY_DURING("Ledger", scalardb::read_settings_of(spec.properties, others));
  rename_storages(ledger, "ledger", {});
  layer.installations.push_back({std::move(ledger), false});
  if (!spec.auditor_properties.empty()) {
    Settings auditor =
        TRY_DURING("Auditor", scalardb::read_settings_of(spec.auditor_properties, others));
    rename_storages(auditor, "auditor", layer.installations.front().settings.storages);
    // On several databases it has to be paused as well.
    const bool one_database = auditor.storages.size() == 1;
    layer.installations.push_back({std::move(auditor), one_database});
  }
  return scalardb::make_layer(std::move(layer));
}

}  // namespace stillpoint::layer::scalardl

// SPDX-License-Identifier: Apache-2.0
#include "layer/scalardb/scalardb_layer.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/text.h"
#include "layer/scalardb/proof.h"
#include "layer/scalardb/tables.h"

namespace stillpoint::layer::scalardb {
namespace {

class ScalardbLayer final : public Layer {
 public:
  explicit ScalardbLayer(LayerSpec spec)
      : spec_(std::move(spec)), proof_(proof_options()), alone_proof_(proof_options()) {}

  std::string name() const override { return spec_.name; }
  bool always_pauses() const override { return spec_.always_pauses; }

  std::vector<Place> places() const override {
    std::vector<Place> places;
    for (const auto& [settings, stands_alone] : spec_.installations) {
      for (const Storage& storage : settings.storages) {
        const bool known = std::any_of(places.begin(), places.end(),
                                       [&](const Place& p) { return p.name == storage.name; });
        if (!known) places.push_back({storage.name, storage.url});
      }
    }
    return places;
  }

  std::vector<Elsewhere> elsewhere() const override {
    std::vector<Elsewhere> all;
    for (const auto& [settings, stands_alone] : spec_.installations) {
      for (const OtherStorage& one : settings.others) all.push_back({one.name, one.kind});
    }
    return all;
  }

  Result<void> examine(const std::vector<Member>& members) override {
    std::set<std::pair<std::string, std::string>> seen;
    for (const auto& [settings, stands_alone] : spec_.installations) {
      for (const Member& member : members) {
        if (!stores_in(settings, member.name)) continue;
        if (!seen.insert({member.name, settings.system_namespace}).second) continue;
        TRY(examine_one(settings, stands_alone, member));
      }
    }
    return check_coordinators();
  }

  std::vector<database::Setting> settings() const override {
    const auto any = [&](bool Settings::* flag) {
      return std::any_of(spec_.installations.begin(), spec_.installations.end(),
                         [&](const Installation& one) { return one.settings.*flag; })
                 ? "on"
                 : "off";
    };
    std::vector<std::string> namespaces;
    for (const Installation& one : spec_.installations) {
      const std::string& name = one.settings.system_namespace;
      if (std::find(namespaces.begin(), namespaces.end(), name) == namespaces.end()) {
        namespaces.push_back(name);
      }
    }
    std::vector<std::string> coordinators;
    for (const Placed& one : tables_) {
      if (one.table.coordinator) coordinators.push_back(one.table.name_space + " in " + one.member);
    }
    return {{"metadata_namespace", base::join(namespaces, ", ")},
            {"coordinators", base::join(coordinators, ", ")},
            {"one_phase_commit", any(&Settings::one_phase_commit)},
            {"group_commit", any(&Settings::group_commit)},
            {"async_commit", any(&Settings::async_commit)},
            {"write_set_logging", any(&Settings::write_set_logging)}};
  }

  std::vector<std::string> warnings() const override { return warnings_; }

  std::string gate_refusal() const override {
    if (!one_phase_commit()) return {};
    return "one_phase_commit.enabled is true: transactions on one database commit without the "
           "coordinator, and are not held by its lock";
  }

  std::map<std::string, std::vector<std::string>> gate_tables() const override {
    return coordinators_;
  }

  std::vector<database::Watch> watches(const Member& member) override {
    std::vector<database::Watch> all;
    for (const Placed& one : tables_) {
      if (one.member != member.name) continue;
      const std::string shown = one.table.name_space + "." + one.table.name;
      const std::string stored =
          stored_name(*member.database, one.table.name_space, one.table.name);
      if (one.table.coordinator) {
        all.push_back(proof_of(one).coordinator(stored, shown, one.table.group_commit));
      } else if (one.table.transactional) {
        all.push_back(proof_of(one).records(stored, shown, one.table.keys));
      }
    }
    return all;
  }

  std::vector<database::Watch> watches_again(const Member& member) override {
    std::vector<database::Watch> all;
    for (const Placed& one : tables_) {
      if (one.member != member.name || !one.table.coordinator || one.alone) continue;
      all.push_back(proof_.coordinator_again(
          stored_name(*member.database, one.table.name_space, one.table.name),
          one.table.name_space + "." + one.table.name, one.table.group_commit));
    }
    return all;
  }

  void opened(const Cut& cut) override {
    proof_.opened(cut);
    Cut alone = cut;
    alone.paused = false;
    alone_proof_.opened(alone);
  }

  std::vector<Finding> judge() override {
    std::vector<Finding> findings = proof_.judge();
    const bool any_alone =
        std::any_of(tables_.begin(), tables_.end(), [](const Placed& one) { return one.alone; });
    if (!any_alone) return findings;
    for (Finding& one : alone_proof_.judge()) findings.push_back(std::move(one));
    return findings;
  }

 private:
  struct Placed {
    std::string member = {};
    Table table = {};
    bool alone = false;  // its installation stands alone
  };

  ProofOptions proof_options() const {
    ProofOptions options;
    options.one_phase_commit = one_phase_commit();
    return options;
  }
  Proof& proof_of(const Placed& one) { return one.alone ? alone_proof_ : proof_; }

  bool one_phase_commit() const {
    return std::any_of(spec_.installations.begin(), spec_.installations.end(),
                       [](const Installation& one) { return one.settings.one_phase_commit; });
  }

  static bool stores_in(const Settings& settings, const std::string& name) {
    return std::any_of(settings.storages.begin(), settings.storages.end(),
                       [&](const Storage& storage) { return storage.name == name; });
  }

  Result<void> examine_one(const Settings& settings, bool alone, const Member& member) {
    auto tables = read_tables(*member.database, settings.system_namespace);
    if (!tables && tables.error().code != Errc::not_found) {
      return fail(std::move(tables.error()).during("ScalarDB's metadata in " + member.name));
    }
    if (!tables) {
      warnings_.push_back(member.name + " has no metadata of ScalarDB (namespace " +
                          settings.system_namespace + "): no table of it is ScalarDB's");
      return {};
    }
    for (Table& table : *tables) {
      if (table.coordinator) note_coordinator(member, table, alone);
      tables_.push_back({member.name, std::move(table), alone});
    }
    return {};
  }

  // Also one that the properties do not name: somebody uses it.
  void note_coordinator(const Member& member, const Table& table, bool alone) {
    if (!alone) {
      coordinators_[member.name].push_back(
          stored_name(*member.database, table.name_space, table.name));
    }
    for (const auto& [settings, stands_alone] : spec_.installations) {
      for (const Coordinator& one : settings.coordinators) {
        if (one.name_space == table.name_space && one.storage == member.name) return;
      }
    }
    warnings_.push_back("there is another coordinator, " + table.name_space + " in " + member.name +
                        ": it is treated like those of the properties");
  }

  Result<void> check_coordinators() const {
    for (const auto& [settings, stands_alone] : spec_.installations) {
      for (const Coordinator& one : settings.coordinators) TRY(check_coordinator(one));
    }
    return {};
  }

  Result<void> check_coordinator(const Coordinator& one) const {
    const bool there = std::any_of(tables_.begin(), tables_.end(), [&](const Placed& placed) {
      return placed.table.coordinator && placed.member == one.storage &&
             placed.table.name_space == one.name_space;
    });
    if (there) return {};
    return fail(Error{Errc::not_found,
                      "the coordinator's table " + base::printable(one.name_space) +
                          ".state is not in " + one.storage,
                      "check the properties; the schema loader makes it: --coordinator"});
  }

  const LayerSpec spec_;
  std::vector<Placed> tables_;
  std::map<std::string, std::vector<std::string>> coordinators_;  // by the member's name
  std::vector<std::string> warnings_;
  Proof proof_;
  Proof alone_proof_;  // of installations that stand alone: nobody holds them
};

}  // namespace

std::unique_ptr<Layer> make_layer(LayerSpec spec) {
  return std::make_unique<ScalardbLayer>(std::move(spec));
}

Result<std::unique_ptr<Layer>> layer_of(const Spec& spec, Unreadable unreadable) {
  const Others others = unreadable == Unreadable::listed ? Others::listed : Others::refused;
  Settings settings = TRY(read_settings_of(spec.properties, others));
  LayerSpec layer;
  layer.installations.push_back({std::move(settings), false});
  return make_layer(std::move(layer));
}

}  // namespace stillpoint::layer::scalardb

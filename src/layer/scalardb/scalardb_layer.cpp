// SPDX-License-Identifier: Apache-2.0
#include "layer/scalardb/scalardb_layer.h"

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "layer/scalardb/proof.h"
#include "layer/scalardb/tables.h"

namespace stillpoint::layer::scalardb {
namespace {

class ScalardbLayer final : public Layer {
 public:
  explicit ScalardbLayer(Settings settings) : settings_(std::move(settings)) {}

  std::string name() const override { return "scalardb"; }

  std::vector<Place> places() const override {
    std::vector<Place> places;
    for (const Storage& storage : settings_.storages) places.push_back({storage.name, storage.url});
    return places;
  }

  Result<void> examine(const std::vector<Member>& members) override {
    for (const Member& member : members) {
      auto tables = read_tables(*member.database, settings_.system_namespace);
      if (!tables && tables.error().code != Errc::not_found) {
        return fail(std::move(tables.error()).during("ScalarDB's metadata in " + member.name));
      }
      if (!tables) {
        warnings_.push_back(member.name + " has no metadata of ScalarDB (namespace " +
                            settings_.system_namespace + "): no table of it is ScalarDB's");
        continue;
      }
      for (Table& table : *tables) {
        if (table.coordinator) TRY(note_coordinator(member, table));
        tables_.push_back({member.name, std::move(table)});
      }
    }
    return check_coordinators();
  }

  std::vector<database::Setting> settings() const override {
    const auto word = [](bool on) { return on ? "on" : "off"; };
    std::vector<database::Setting> all = {
        {"metadata_namespace", settings_.system_namespace},
        {"one_phase_commit", word(settings_.one_phase_commit)},
        {"group_commit", word(settings_.group_commit)},
        {"async_commit", word(settings_.async_commit)},
        {"write_set_logging", word(settings_.write_set_logging)},
    };
    for (const Placed& one : tables_) {
      if (!one.table.coordinator) continue;
      all.push_back({"coordinator", one.table.name_space + " in " + one.member});
    }
    return all;
  }

  std::vector<std::string> warnings() const override { return warnings_; }

  std::string gate_refusal() const override {
    if (!settings_.one_phase_commit) return {};
    return "one_phase_commit.enabled is true: transactions on one database commit without the "
           "coordinator, and are not held by its lock";
  }

  std::map<std::string, std::vector<std::string>> gate_tables() const override {
    return coordinators_;
  }

  Result<void> watch(const std::vector<Member>& members, const Cut& cut) override {
    proof_.emplace(cut, ProofOptions());
    for (const Member& member : members) {
      std::vector<database::Watch> watches;
      for (const Placed& one : tables_) {
        if (one.member != member.name) continue;
        const std::string shown = one.table.name_space + "." + one.table.name;
        const std::string stored =
            stored_name(*member.database, one.table.name_space, one.table.name);
        if (one.table.coordinator) {
          watches.push_back(proof_->coordinator(stored, shown, one.table.group_commit));
        } else if (one.table.transactional) {
          watches.push_back(proof_->records(stored, shown, one.table.keys));
        }
      }
      TRY_DURING("watch the records of " + member.name, member.database->watch(std::move(watches)));
    }
    return {};
  }

  std::vector<Finding> judge() override { return proof_->judge(); }

 private:
  struct Placed {
    std::string member = {};
    Table table = {};
  };

  // Also one that the properties do not name: somebody uses it.
  Result<void> note_coordinator(const Member& member, const Table& table) {
    coordinators_[member.name].push_back(
        stored_name(*member.database, table.name_space, table.name));
    const bool known = std::any_of(
        settings_.coordinators.begin(), settings_.coordinators.end(), [&](const Coordinator& one) {
          return one.name_space == table.name_space && one.storage == member.name;
        });
    if (!known) {
      warnings_.push_back("there is another coordinator, " + table.name_space + " in " +
                          member.name + ": it is treated like those of the properties");
    }
    return {};
  }

  Result<void> check_coordinators() const {
    for (const Coordinator& one : settings_.coordinators) {
      const bool there = std::any_of(tables_.begin(), tables_.end(), [&](const Placed& placed) {
        return placed.table.coordinator && placed.member == one.storage &&
               placed.table.name_space == one.name_space;
      });
      if (there) continue;
      return fail(Error{Errc::not_found,
                        "the coordinator's table " + base::printable(one.name_space) +
                            ".state is not in " + one.storage,
                        "check the properties; the schema loader makes it: --coordinator"});
    }
    return {};
  }

  const Settings settings_;
  std::vector<Placed> tables_;
  std::map<std::string, std::vector<std::string>> coordinators_;  // by the member's name
  std::vector<std::string> warnings_;
  std::optional<Proof> proof_;
};

}  // namespace

std::unique_ptr<Layer> make_layer(Settings settings) {
  return std::make_unique<ScalardbLayer>(std::move(settings));
}

}  // namespace stillpoint::layer::scalardb

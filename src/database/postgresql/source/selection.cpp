// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/source/selection.h"

#include <algorithm>
#include <map>
#include <set>

#include <fnmatch.h>

#include "base/text.h"

namespace stillpoint::database::postgresql {
namespace {

bool is_pattern(const std::string& text) {
  return text.find_first_of("*?[") != std::string::npos;
}

bool fits(const std::string& wanted, const std::string& name) {
  return wanted == name || (is_pattern(wanted) && ::fnmatch(wanted.c_str(), name.c_str(), 0) == 0);
}

class Selection {
 public:
  explicit Selection(Inventory& inventory) : inventory_(inventory) {
    for (const Table& table : inventory_.tables) {
      names_.push_back(table.shown());
      oids_.push_back(table.oid);
      for (const Oid parent : table.parents) children_[parent].push_back(table.oid);
    }
    for (const Definition& definition : inventory_.definitions) {
      if (!definition.relation) continue;
      names_.push_back(definition.shown());
      oids_.push_back(definition.oid);
    }
  }

  Result<void> choose(const Choice& choice) {
    std::set<Oid> chosen(oids_.begin(), oids_.end());
    if (!choice.tables.empty()) {
      chosen.clear();
      for (const std::string& wanted : choice.tables) {
        for (const Oid oid : TRY(matches(wanted, "choose"))) add_with_children(oid, chosen);
      }
      // A view is chosen by itself where all that it reads is.
      for (const Definition& definition : inventory_.definitions) chosen.insert(definition.oid);
    }
    for (const std::string& wanted : choice.exclude) {
      std::set<Oid> excluded;
      for (const Oid oid : TRY(matches(wanted, "leave out"))) add_with_children(oid, excluded);
      for (const Oid oid : excluded) chosen.erase(oid);
    }
    mark_tables(chosen);
    mark_definitions(chosen);
    mark_sequences();
    warn_of_foreign_keys();
    return {};
  }

  std::vector<std::string> warnings;

 private:
  Result<std::vector<Oid>> matches(const std::string& wanted, const std::string& doing) {
    std::vector<Oid> found;
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (fits(wanted, names_[i])) found.push_back(oids_[i]);
    }
    if (!found.empty()) return found;
    const std::string meant = base::closest(wanted, names_);
    return fail(Error{Errc::not_found,
                      doing + " table '" + base::printable(wanted) + "': there is none such",
                      meant.empty() ? "names are written schema.table; patterns know * and ?"
                                    : "did you mean '" + base::printable(meant) + "'?"});
  }

  void add_with_children(Oid oid, std::set<Oid>& to) {
    if (!to.insert(oid).second) return;
    for (const Oid child : children_[oid]) add_with_children(child, to);
  }

  void mark_tables(const std::set<Oid>& chosen) {
    std::map<Oid, Table*> by_oid;
    for (Table& table : inventory_.tables) {
      table.chosen = table.rows_chosen = chosen.contains(table.oid);
      by_oid[table.oid] = &table;
    }
    std::vector<Oid> open(chosen.begin(), chosen.end());
    while (!open.empty()) {
      const auto child = by_oid.find(open.back());
      open.pop_back();
      if (child == by_oid.end()) continue;
      for (const Oid oid : child->second->parents) {
        const auto parent = by_oid.find(oid);
        if (parent == by_oid.end() || parent->second->chosen) continue;
        parent->second->chosen = true;
        open.push_back(oid);
        if (parent->second->partitioned) continue;
        warnings.push_back(parent->second->shown() +
                           " is in the backup without its rows: it was "
                           "not chosen, but " +
                           child->second->shown() + " inherits from it");
      }
    }
  }

  void mark_definitions(const std::set<Oid>& chosen) {
    std::set<Oid> gone;
    for (const Table& table : inventory_.tables) {
      if (!table.chosen) gone.insert(table.oid);
    }
    for (Definition& definition : inventory_.definitions) {
      if (!definition.relation || chosen.contains(definition.oid)) continue;
      definition.chosen = false;
      gone.insert(definition.oid);
    }
    for (bool changed = true; changed;) {
      changed = false;
      for (Definition& definition : inventory_.definitions) {
        if (!definition.chosen) continue;
        const auto missing = std::find_if(definition.needs.begin(), definition.needs.end(),
                                          [&](Oid oid) { return gone.contains(oid); });
        if (missing == definition.needs.end()) continue;
        definition.chosen = false;
        gone.insert(definition.oid);
        changed = true;
        warnings.push_back("the " + definition.kind + " " + definition.shown() +
                           " is left out: it reads a table that is left out");
      }
    }
  }

  void mark_sequences() {
    for (Sequence& sequence : inventory_.sequences) {
      const Table* owner = inventory_.find(sequence.owner_table);
      sequence.chosen = owner == nullptr || owner->chosen;
    }
  }

  void warn_of_foreign_keys() {
    for (const ForeignKey& key : inventory_.foreign_keys) {
      const Table* table = inventory_.find(key.table);
      const Table* referenced = inventory_.find(key.referenced);
      if (table == nullptr || referenced == nullptr) continue;
      if (!table->chosen || referenced->rows_chosen || referenced->partitioned) continue;
      warnings.push_back("the foreign key " + quote_name(key.name) + " of " + table->shown() +
                         " refers to " + referenced->shown() +
                         ", which is left out: it cannot be restored");
    }
  }

  Inventory& inventory_;
  std::vector<std::string> names_;
  std::vector<Oid> oids_;
  std::map<Oid, std::vector<Oid>> children_;
};

}  // namespace

Result<std::vector<std::string>> apply_choice(Inventory& inventory, const Choice& choice) {
  if (choice.everything()) return std::vector<std::string>();
  Selection selection(inventory);
  TRY(selection.choose(choice));
  return std::move(selection.warnings);
}

}  // namespace stillpoint::database::postgresql

// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/source/selection.h"

#include <algorithm>

#include <fnmatch.h>

#include "base/text.h"

namespace stillpoint::database::mysql {
namespace {

bool is_pattern(const std::string& text) {
  return text.find_first_of("*?[") != std::string::npos;
}

bool fits(const std::string& wanted, const std::string& name) {
  return wanted == name || (is_pattern(wanted) && ::fnmatch(wanted.c_str(), name.c_str(), 0) == 0);
}

bool is_relation(const Definition& definition) {
  return definition.kind == "view" || definition.kind == "sequence";
}

// Calls `mark` with each table, view and sequence that is meant.
template <class Mark>
Result<void> each_meant(Inventory& inventory, const std::string& wanted, const std::string& doing,
                        const Mark& mark) {
  bool found = false;
  std::vector<std::string> names;
  const auto look = [&](auto& one) {
    names.push_back(one.shown());
    if (!fits(wanted, names.back())) return;
    found = true;
    mark(one.chosen);
  };
  for (Table& table : inventory.tables) look(table);
  for (Definition& definition : inventory.definitions) {
    if (is_relation(definition)) look(definition);
  }
  if (found) return {};
  const std::string meant = base::closest(wanted, names);
  return fail(Error{Errc::not_found,
                    doing + " " + base::printable(wanted) + ": there is no such table",
                    meant.empty() ? "names are written schema.table; * and ? stand for others"
                                  : "did you mean " + meant + "?"});
}

}  // namespace

Result<std::vector<std::string>> apply_choice(Inventory& inventory, const Choice& choice) {
  std::vector<std::string> warnings;
  if (choice.everything()) return warnings;
  if (!choice.tables.empty()) {
    for (Table& table : inventory.tables) table.chosen = false;
    // Of tables alone: routines and events belong to the whole schema.
    for (Definition& definition : inventory.definitions) definition.chosen = false;
  }
  for (const std::string& wanted : choice.tables) {
    TRY(each_meant(inventory, wanted, "choose", [](bool& chosen) { chosen = true; }));
  }
  for (const std::string& wanted : choice.exclude) {
    TRY(each_meant(inventory, wanted, "leave out", [](bool& chosen) { chosen = false; }));
  }
  for (Definition& definition : inventory.definitions) {
    if (definition.kind != "trigger") continue;
    const Table* table = inventory.find(definition.schema, definition.table);
    definition.chosen = table != nullptr && table->chosen;
  }
  for (const ForeignKey& key : inventory.foreign_keys) {
    const Table* table = inventory.find(key.schema, key.table);
    const Table* referenced = inventory.find(key.referenced_schema, key.referenced);
    if (table == nullptr || !table->chosen || referenced == nullptr || referenced->chosen) continue;
    warnings.push_back("the foreign key " + quote_name(key.name) + " of " + table->shown() +
                       " refers to " + referenced->shown() +
                       ", which is left out: it cannot be restored");
  }
  for (const Definition& definition : inventory.definitions) {
    if (definition.kind != "view" || !definition.chosen) continue;
    warnings.push_back("the view " + definition.shown() +
                       " may read tables that are left out: it can be restored only with them");
  }
  return warnings;
}

}  // namespace stillpoint::database::mysql

// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/target/emptying.h"

#include <algorithm>

#include "base/text.h"
#include "database/mysql/source/inventory.h"
#include "database/mysql/target/staging_mark.h"

namespace stillpoint::database::mysql {
namespace {

struct Thing {
  std::string kind = {};
  std::string name = {};
};

Result<std::vector<Thing>> things_in(Connection& session, const std::string& schema) {
  const Inventory inventory = TRY(take_inventory(session, {schema}));
  std::vector<Thing> all;
  // Views and routines first: they are in nobody's way. Triggers go with their tables.
  for (const Definition& one : inventory.definitions) {
    if (one.kind != "trigger" && one.kind != "sequence") all.push_back({one.kind, one.name});
  }
  for (const Table& table : inventory.tables) {
    if (!table.name.starts_with(journal_name)) all.push_back({"table", table.name});
  }
  for (const Definition& one : inventory.definitions) {
    if (one.kind == "sequence") all.push_back({one.kind, one.name});
  }
  return all;
}

}  // namespace

Result<std::vector<std::string>> contents_of(Connection& session, const std::string& schema) {
  constexpr std::size_t shown_max = 5;
  const std::vector<Thing> all = TRY(things_in(session, schema));
  std::vector<std::string> shown;
  for (const Thing& one : all) {
    if (shown.size() == shown_max) break;
    shown.push_back(one.kind + " " + base::printable(display_name(one.name)));
  }
  return shown;
}

Result<void> make_empty(Connection& session, const std::string& schema) {
  TRY(session.execute("SET SESSION foreign_key_checks = 0"));
  const std::vector<Thing> all = TRY(things_in(session, schema));
  for (const Thing& one : all) {
    std::string kind = one.kind;
    std::transform(kind.begin(), kind.end(), kind.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    TRY_DURING("drop the " + one.kind + " " + display_name(one.name),
               session.execute("DROP " + kind + " IF EXISTS " + quote_qualified(schema, one.name)));
  }
  return {};
}

}  // namespace stillpoint::database::mysql

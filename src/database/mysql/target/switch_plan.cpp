// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/target/switch_plan.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "database/mysql/source/privileges.h"
#include "database/mysql/target/rehearsal.h"
#include "database/mysql/target/statement_text.h"

namespace stillpoint::database::mysql {
namespace {

using nlohmann::json;

constexpr std::array may_define = {"SUPER", "SET USER", "SET_USER_ID", "SET_ANY_DEFINER"};

json json_of(const std::vector<Schema>& schemas) {
  json all = json::array();
  for (const Schema& one : schemas) all.push_back({one.name, one.charset, one.collation});
  return all;
}

std::vector<Schema> schemas_of(const json& all) {
  std::vector<Schema> schemas;
  for (const json& one : all) schemas.push_back({one.at(0), one.at(1), one.at(2)});
  return schemas;
}

Result<std::vector<std::string>> existing(Connection& session, const std::vector<Place>& places) {
  std::vector<std::string> names;
  for (const Place& place : places) {
    const std::vector<Row> rows = TRY(
        session.query("SELECT schema_name FROM information_schema.schemata WHERE schema_name = " +
                      quote_text(place.to)));
    if (!rows.empty()) names.push_back(place.to);
  }
  return names;
}

// Two restores may end in the same second, and one may be waiting for its switch.
Result<base::Time> unused_time(Connection& session, const Staging& staging, base::Time time) {
  std::set<std::string> planned;
  const std::vector<StagedRestore> others = TRY(staged_restores(session));
  for (const StagedRestore& one : others) planned.insert(one.keeps.begin(), one.keeps.end());
  for (;; time += std::chrono::seconds(1)) {
    std::vector<std::string> names;
    bool taken = false;
    for (const Place& place : staging.mark().places) {
      const std::string name = kept_name(place.to, time);
      names.push_back(quote_text(name));
      taken = taken || planned.contains(name);
    }
    const std::vector<Row> rows =
        TRY(session.query("SELECT 1 FROM information_schema.schemata WHERE schema_name IN (" +
                          base::join(names, ", ") + ")"));
    if (rows.empty() && !taken) return time;
  }
}

// What is there goes to the kept schemas: `names`, by those that they were.
Result<void> plan_old(Connection& session, const Staging& staging, SwitchPlan& plan,
                      const std::map<std::string, std::string>& names) {
  const auto name_of = [&](const std::string& schema) {
    const auto found = names.find(schema);
    return found == names.end() ? std::string() : found->second;
  };
  const std::vector<std::string> schemas = TRY(existing(session, staging.mark().places));
  if (schemas.empty()) return {};
  const Inventory inventory = TRY(take_inventory(session, schemas));
  plan.old_schemas = inventory.schemas;
  std::map<std::string, std::string> kept;
  std::set<std::pair<std::string, std::string>> triggered;
  for (const Definition& one : inventory.definitions) {
    kept[one.schema] = name_of(one.schema);
    if (one.kind == "trigger") triggered.insert({one.schema, one.table});
  }
  for (const Table& table : inventory.tables) {
    kept[table.schema] = name_of(table.schema);
    OldTable old{table.schema, table.name, kept[table.schema], {}};
    if (triggered.contains({table.schema, table.name})) {
      old.hidden = hidden_name(staging.token(), "old", plan.old_tables.size());
    }
    plan.old_tables.push_back(std::move(old));
  }
  const std::vector<Statement> statements = TRY(read_definitions(session, inventory));
  plan.old_definitions = stored(statements);
  for (const StoredDefinition& one : plan.old_definitions) {
    if (one.kind == "sequence") {
      plan.old_tables.push_back({one.schema, one.name, kept[one.schema], {}});
    }
  }
  std::erase_if(plan.old_definitions,
                [](const StoredDefinition& one) { return one.kind == "sequence"; });
  for (Place& place : plan.places) place.kept = kept[place.to];
  return {};
}

void plan_new(const Staging& staging, const StoredSchema& schema,
              const std::vector<std::string>& left_out, SwitchPlan& plan) {
  std::set<std::pair<std::string, std::string>> triggered;
  const auto place_of = [&](const std::string& name) {
    return *std::find_if(plan.places.begin(), plan.places.end(),
                         [&](const Place& place) { return place.from == name; });
  };
  const auto add = [&](const std::string& from, const std::string& name) {
    const Place place = place_of(from);
    NewTable table{place.staged, name, place.to, name, {}};
    if (triggered.contains({from, name})) {
      table.hidden = hidden_name(staging.token(), "new", plan.new_tables.size());
    }
    plan.new_tables.push_back(std::move(table));
  };
  for (const StoredDefinition& one : schema.definitions) {
    if (one.kind == "trigger") triggered.insert({one.schema, one.table});
  }
  const bool moves = !staging.mark().in_place;
  for (const StoredDefinition& one : schema.definitions) {
    if (one.kind == "sequence" && moves) add(one.schema, one.name);
    const bool out = std::find(left_out.begin(), left_out.end(), one.shown()) != left_out.end();
    if (one.kind != "sequence" && !out) plan.new_definitions.push_back(one);
  }
  for (const StoredTable& table : schema.tables) {
    if (moves) add(table.schema, table.name);
  }
  for (const Schema& one : schema.schemas) {
    plan.new_schemas.push_back({place_of(one.name).to, one.charset, one.collation});
  }
}

Error has_come(const std::string& schema, const std::string& name) {
  return {Errc::unavailable, display_qualified(schema, name) + " has come meanwhile",
          "run the same command again"};
}

// Switch::lock_tables() says why a lock may need a right.
Result<void> check_lock(Connection& session, const Inventory& inventory, const Grants& grants) {
  if (session.is_mariadb()) return {};
  std::vector<std::string> without;
  for (const Table& table : inventory.tables) {
    if (!table.transactional()) without.push_back(table.shown() + " (" + table.engine + ")");
  }
  if (without.empty() || without.size() == inventory.tables.size()) return {};
  if (TRY(session.value("SELECT @@GLOBAL.enforce_gtid_consistency")) != "ON") return {};
  for (const char* right : {"SUPER", "SYSTEM_VARIABLES_ADMIN", "SESSION_VARIABLES_ADMIN"}) {
    if (grants.everywhere(right)) return {};
  }
  return fail(Error{Errc::denied,
                    "with GTIDs (enforce_gtid_consistency), the old tables cannot be locked "
                    "together: the engines of some have no transactions: " +
                        base::printable(base::join(without, ", ")),
                    std::string(gtid_advice)});
}

}  // namespace

std::string text_of(const SwitchPlan& plan) {
  json places = json::array();
  for (const Place& one : plan.places) places.push_back({one.from, one.to, one.staged, one.kept});
  json old_tables = json::array();
  for (const OldTable& one : plan.old_tables) {
    old_tables.push_back({one.schema, one.name, one.kept, one.hidden});
  }
  json new_tables = json::array();
  for (const NewTable& one : plan.new_tables) {
    new_tables.push_back({one.staged, one.staged_name, one.schema, one.name, one.hidden});
  }
  return json{{"places", places},
              {"old_schemas", json_of(plan.old_schemas)},
              {"old_tables", old_tables},
              {"old_definitions", text_of(plan.old_definitions)},
              {"new_schemas", json_of(plan.new_schemas)},
              {"new_tables", new_tables},
              {"new_definitions", text_of(plan.new_definitions)},
              {"no_owner", plan.no_owner}}
      .dump();
}

Result<SwitchPlan> read_plan(std::string_view text) {
  SwitchPlan plan;
  std::string old_definitions;
  std::string new_definitions;
  try {
    const json all = json::parse(text);
    for (const json& one : all.at("places")) {
      plan.places.push_back({one.at(0), one.at(1), one.at(2), one.at(3)});
    }
    for (const json& one : all.at("old_tables")) {
      plan.old_tables.push_back({one.at(0), one.at(1), one.at(2), one.at(3)});
    }
    for (const json& one : all.at("new_tables")) {
      plan.new_tables.push_back({one.at(0), one.at(1), one.at(2), one.at(3), one.at(4)});
    }
    plan.old_schemas = schemas_of(all.at("old_schemas"));
    plan.new_schemas = schemas_of(all.at("new_schemas"));
    plan.no_owner = all.at("no_owner");
    old_definitions = all.at("old_definitions");
    new_definitions = all.at("new_definitions");
  } catch (const json::exception& problem) {
    return fail(Errc::corrupt, "read the plan of a switch: {}", problem.what());
  }
  plan.old_definitions = TRY(read_definitions_text(old_definitions));
  plan.new_definitions = TRY(read_definitions_text(new_definitions));
  return plan;
}

Result<Definers> check_old(Connection& session, const std::vector<Place>& places) {
  const std::vector<std::string> schemas = TRY(existing(session, places));
  if (schemas.empty()) return Definers();
  const Inventory inventory = TRY(take_inventory(session, schemas));
  const std::string doing = "look at what would be replaced";
  const std::vector<Statement> statements = TRY_DURING(doing, read_definitions(session, inventory));
  const Grants grants = TRY_DURING(doing, read_grants(session));
  TRY_DURING(doing, check_lock(session, inventory, grants));
  Definers definers = definers_of(stored(statements), true);
  const bool for_others = std::any_of(may_define.begin(), may_define.end(),
                                      [&](const char* right) { return grants.everywhere(right); });
  if (for_others) return definers;
  const std::string us = TRY(session.value("SELECT CURRENT_USER()"));
  for (const Statement& one : statements) {
    const auto definer = definer_of(one.text);
    if (!definer || definer->user + "@" + definer->host == us) continue;
    return fail(Error{Errc::denied,
                      "the old " + base::printable(one.what->kind + " " + one.what->shown()) +
                          " is defined by somebody else: it could not be kept",
                      "grant the user the right to define things for others (SET USER in MariaDB, "
                      "SET_ANY_DEFINER in MySQL, and SYSTEM_USER where the definer has it), or "
                      "restore under another name with --to"});
  }
  return definers;
}

Result<SwitchPlan> make_plan(Connection& session, const Staging& staging,
                             const StoredSchema& schema, const std::vector<std::string>& left_out,
                             const PlanOptions& options) {
  SwitchPlan plan;
  plan.places = staging.mark().places;
  for (Place& place : plan.places) place.kept.clear();
  plan.no_owner = options.no_owner;
  if (!staging.mark().in_place) {
    const base::Time time = TRY(unused_time(session, staging, options.time));
    std::map<std::string, std::string> names;
    for (const Place& place : plan.places) names[place.to] = kept_name(place.to, time);
    TRY(plan_old(session, staging, plan, names));
  }
  plan_new(staging, schema, left_out, plan);
  return plan;
}

Result<void> plan_again(Connection& session, const Staging& staging, SwitchPlan& plan) {
  SwitchPlan fresh;
  fresh.places = plan.places;
  std::map<std::string, std::string> names;
  for (Place& place : fresh.places) {
    if (!place.kept.empty()) names[place.to] = std::exchange(place.kept, {});
  }
  TRY(plan_old(session, staging, fresh, names));
  for (const auto& one : fresh.old_tables) {
    if (one.kept.empty()) return fail(has_come(one.schema, one.name));
  }
  for (const auto& one : fresh.old_definitions) {
    if (!names.contains(one.schema)) return fail(has_come(one.schema, one.name));
  }
  plan.old_schemas = std::move(fresh.old_schemas);
  plan.old_tables = std::move(fresh.old_tables);
  plan.old_definitions = std::move(fresh.old_definitions);
  return {};
}

}  // namespace stillpoint::database::mysql

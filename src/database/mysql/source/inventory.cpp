// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/source/inventory.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "base/text.h"

namespace stillpoint::database::mysql {
namespace {

using Name = std::pair<std::string, std::string>;

std::string list_of(const std::vector<Schema>& schemas) {
  std::vector<std::string> names;
  for (const Schema& schema : schemas) names.push_back(quote_text(schema.name));
  return "(" + base::join(names, ", ") + ")";
}

Result<std::vector<Schema>> list_schemas(Connection& session,
                                         const std::vector<std::string>& wanted) {
  const std::vector<Row> rows = TRY(session.query(
      "SELECT schema_name, default_character_set_name, default_collation_name"
      " FROM information_schema.schemata WHERE schema_name NOT IN ('mysql', 'information_schema',"
      " 'performance_schema', 'sys', 'ndbinfo') ORDER BY schema_name"));
  std::vector<Schema> schemas;
  std::vector<std::string> names;
  for (const Row& row : rows) {
    names.push_back(row.text(0));
    if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), row.text(0)) == wanted.end()) {
      continue;
    }
    schemas.push_back({row.text(0), row.text(1), row.text(2)});
  }
  for (const std::string& name : wanted) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    const std::string meant = base::closest(name, names);
    return fail(Error{
        Errc::not_found,
        "there is no schema " + base::printable(name) + ", or the user may not see it",
        meant.empty() ? "check its name, and the user's rights" : "did you mean " + meant + "?"});
  }
  if (schemas.empty()) {
    return fail(Error{Errc::not_found, "the server has no schemas that the user may see",
                      "name one in the URL, and grant the user SELECT on it"});
  }
  return schemas;
}

Result<void> add_tables(Connection& session, const std::string& where, Inventory& inventory) {
  const std::vector<Row> rows = TRY(session.query(
      "SELECT table_schema, table_name, table_type, COALESCE(engine, ''),"
      " COALESCE(table_rows, 0), COALESCE(data_length, 0) FROM information_schema.tables"
      " WHERE table_schema IN " +
      where + " ORDER BY table_schema, table_name"));
  for (const Row& row : rows) {
    const std::string& type = row.text(2);
    if (type == "VIEW" || type == "SEQUENCE") {
      Definition definition;
      definition.kind = type == "VIEW" ? "view" : "sequence";
      definition.schema = row.text(0);
      definition.name = row.text(1);
      inventory.definitions.push_back(std::move(definition));
      continue;
    }
    Table table;
    table.schema = row.text(0);
    table.name = row.text(1);
    table.versioned = type == "SYSTEM VERSIONED";
    table.engine = row.text(3);
    table.rows = row.count(4);
    table.bytes = row.count(5);
    inventory.tables.push_back(std::move(table));
  }
  return {};
}

Result<void> add_columns(Connection& session, const std::string& where,
                         std::map<Name, Table*>& tables) {
  const std::vector<Row> rows =
      TRY(session.query("SELECT table_schema, table_name, column_name, data_type, column_type,"
                        " COALESCE(character_set_name, ''), COALESCE(collation_name, ''), extra,"
                        " COALESCE(generation_expression, '') FROM information_schema.columns "
                        "WHERE table_schema IN " +
                        where + " ORDER BY table_schema, table_name, ordinal_position"));
  for (const Row& row : rows) {
    const auto found = tables.find({row.text(0), row.text(1)});
    if (found == tables.end()) continue;
    ++found->second->columns_in_all;
    Column column;
    column.name = row.text(2);
    column.type = row.text(3);
    column.full_type = row.text(4);
    column.charset = row.text(5);
    column.collation = row.text(6);
    column.generated = !row.text(8).empty();
    column.auto_increment = row.text(7).find("auto_increment") != std::string::npos;
    if (!column.generated) found->second->columns.push_back(std::move(column));
  }
  return {};
}

// The primary key: the order in which InnoDB stores the rows.
Result<void> add_keys(Connection& session, const std::string& where,
                      std::map<Name, Table*>& tables) {
  const std::vector<Row> rows = TRY(session.query(
      "SELECT table_schema, table_name, column_name, COALESCE(sub_part, ''), COALESCE(collation, "
      "'')"
      " FROM information_schema.statistics WHERE index_name = 'PRIMARY' AND table_schema IN " +
      where + " ORDER BY table_schema, table_name, seq_in_index"));
  std::set<Name> unfit;
  for (const Row& row : rows) {
    const Name name = {row.text(0), row.text(1)};
    const auto found = tables.find(name);
    if (found == tables.end() || !found->second->transactional()) continue;
    if (!row.text(3).empty() || row.text(4) != "A") unfit.insert(name);
    found->second->key.columns.push_back(row.text(2));
  }
  for (const Name& name : unfit) tables[name]->key.columns.clear();
  return {};
}

Result<void> add_partitions(Connection& session, const std::string& where,
                            std::map<Name, Table*>& tables) {
  const std::vector<Row> rows = TRY(session.query(
      "SELECT table_schema, table_name, COALESCE(subpartition_name, partition_name),"
      " COALESCE(table_rows, 0), COALESCE(data_length, 0) FROM information_schema.partitions"
      " WHERE partition_name IS NOT NULL AND table_schema IN " +
      where +
      " ORDER BY table_schema, table_name, partition_ordinal_position,"
      " subpartition_ordinal_position"));
  for (const Row& row : rows) {
    const auto found = tables.find({row.text(0), row.text(1)});
    if (found == tables.end()) continue;
    found->second->partitions.push_back({row.text(2), row.count(3), row.count(4)});
  }
  return {};
}

Result<void> add_definitions(Connection& session, const std::string& where, Inventory& inventory) {
  std::vector<Row> rows = TRY(session.query(
      "SELECT LOWER(routine_type), routine_schema, routine_name, '', '' FROM"
      " information_schema.routines WHERE routine_schema IN " +
      where +
      " UNION ALL SELECT 'event', event_schema, event_name, '', '' FROM information_schema.events"
      " WHERE event_schema IN " +
      where +
      " UNION ALL SELECT 'trigger', trigger_schema, trigger_name, event_object_table,"
      "  CONCAT(event_manipulation, ' ', action_timing, ' ', LPAD(action_order, 6, '0'))"
      " FROM information_schema.triggers WHERE trigger_schema IN " +
      where));
  // Triggers of one event run in their order.
  const auto key = [](const Row& row) {
    return std::tuple(row.text(0), row.text(1), row.text(3), row.text(4), row.text(2));
  };
  std::sort(rows.begin(), rows.end(), [&](const Row& a, const Row& b) { return key(a) < key(b); });
  for (const Row& row : rows) {
    Definition definition;
    definition.kind = row.text(0);
    definition.schema = row.text(1);
    definition.name = row.text(2);
    definition.table = row.text(3);
    inventory.definitions.push_back(std::move(definition));
  }
  return {};
}

Result<void> add_foreign_keys(Connection& session, const std::string& where, Inventory& inventory) {
  const std::vector<Row> rows = TRY(session.query(
      "SELECT constraint_name, constraint_schema, table_name, unique_constraint_schema,"
      " referenced_table_name FROM information_schema.referential_constraints"
      " WHERE constraint_schema IN " +
      where + " ORDER BY 2, 3, 1"));
  for (const Row& row : rows) {
    inventory.foreign_keys.push_back(
        {row.text(0), row.text(1), row.text(2), row.text(3), row.text(4)});
  }
  return {};
}

template <class Tables>
auto* find_in(Tables& tables, const std::string& schema, const std::string& name) {
  const auto found = std::find_if(tables.begin(), tables.end(), [&](const Table& table) {
    return table.schema == schema && table.name == name;
  });
  return found == tables.end() ? nullptr : &*found;
}

}  // namespace

bool Table::transactional() const {
  return engine == "InnoDB";
}

bool Table::has_rows() const {
  constexpr std::array<std::string_view, 9> others = {"MRG_MYISAM", "MRG_MyISAM", "BLACKHOLE",
                                                      "FEDERATED",  "CONNECT",    "SPIDER",
                                                      "SPHINX",     "OQGRAPH",    "S3"};
  return std::find(others.begin(), others.end(), engine) == others.end();
}

const Column* Table::column(const std::string& wanted) const {
  const auto found = std::find_if(columns.begin(), columns.end(),
                                  [&](const Column& one) { return one.name == wanted; });
  return found == columns.end() ? nullptr : &*found;
}

Table* Inventory::find(const std::string& schema, const std::string& name) {
  return find_in(tables, schema, name);
}

const Table* Inventory::find(const std::string& schema, const std::string& name) const {
  return find_in(tables, schema, name);
}

Result<Inventory> take_inventory(Connection& session, const std::vector<std::string>& schemas) {
  Inventory inventory;
  inventory.schemas = TRY_DURING("list the schemas", list_schemas(session, schemas));
  const std::string where = list_of(inventory.schemas);
  TRY_DURING("list the tables", add_tables(session, where, inventory));
  // Whatever the server's order of letters is.
  const auto by_schema_and_name = [](const auto& a, const auto& b) {
    return std::tie(a.schema, a.name) < std::tie(b.schema, b.name);
  };
  std::sort(inventory.tables.begin(), inventory.tables.end(), by_schema_and_name);
  std::sort(inventory.definitions.begin(), inventory.definitions.end(), by_schema_and_name);
  std::map<Name, Table*> by_name;
  for (Table& table : inventory.tables) by_name[{table.schema, table.name}] = &table;
  TRY_DURING("list the columns", add_columns(session, where, by_name));
  TRY_DURING("list the keys", add_keys(session, where, by_name));
  TRY_DURING("list the partitions", add_partitions(session, where, by_name));
  TRY_DURING("list the routines", add_definitions(session, where, inventory));
  TRY_DURING("list the foreign keys", add_foreign_keys(session, where, inventory));
  return inventory;
}

}  // namespace stillpoint::database::mysql

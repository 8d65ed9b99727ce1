// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/source/inventory.h"

#include <algorithm>

#include "base/text.h"

namespace stillpoint::database::postgresql {
namespace {

// Relations that are the user's: no system's, no other session's, no extension's, except tables of
// an extension that hold rows of users.
const std::string users_relations =
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid"
    "  AND d.objsubid = 0 AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'"
    " LEFT JOIN pg_extension e ON e.oid = d.refobjid"
    " WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
    " AND c.relpersistence <> 't'"
    " AND (e.oid IS NULL OR c.oid = ANY (e.extconfig))";

Oid oid_of(const Row& row, std::size_t column) {
  return static_cast<Oid>(row.number(column));
}

Result<std::vector<Table>> list_tables(Connection& session) {
  const std::vector<Row> rows = TRY(session.query(
      "SELECT c.oid, n.nspname, c.relname, c.relkind = 'p', c.relispartition,"
      " c.relpersistence = 'u', row_security_active(c.oid), c.relfilenode,"
      " coalesce((SELECT amname = 'heap' FROM pg_am WHERE pg_am.oid = c.relam), false),"
      " coalesce(e.extcondition[array_position(e.extconfig, c.oid)], '')" +
      users_relations + " AND c.relkind IN ('r', 'p') ORDER BY n.nspname, c.relname"));
  std::vector<Table> tables;
  for (const Row& row : rows) {
    Table table;
    table.oid = oid_of(row, 0);
    table.schema = row.text(1);
    table.name = row.text(2);
    table.partitioned = row.flag(3);
    table.partition = row.flag(4);
    table.unlogged = row.flag(5);
    table.row_security = row.flag(6);
    table.file_node = row.text(7);
    table.heap = row.flag(8);
    table.condition = row.text(9);
    tables.push_back(std::move(table));
  }
  return tables;
}

Result<void> add_columns(Connection& session, std::map<Oid, Table*>& tables) {
  const std::vector<Row> rows = TRY(session.query(
      "SELECT a.attrelid, a.attname FROM pg_attribute a WHERE a.attnum > 0 AND NOT a.attisdropped"
      " AND a.attgenerated = '' AND a.attrelid IN (SELECT c.oid" +
      users_relations + " AND c.relkind IN ('r', 'p')) ORDER BY a.attrelid, a.attnum"));
  for (const Row& row : rows) {
    const auto found = tables.find(oid_of(row, 0));
    if (found != tables.end()) found->second->columns.push_back(row.text(1));
  }
  return {};
}

Result<void> add_parents(Connection& session, std::map<Oid, Table*>& tables) {
  const std::vector<Row> rows =
      TRY(session.query("SELECT inhrelid, inhparent FROM pg_inherits ORDER BY inhrelid, inhseqno"));
  for (const Row& row : rows) {
    const auto found = tables.find(oid_of(row, 0));
    if (found != tables.end()) found->second->parents.push_back(oid_of(row, 1));
  }
  return {};
}

// Of each such partitioned table; PostgreSQL's own hash of enums is the only one that takes their
// oids.
Result<void> mark_hashed_by_enum(Connection& session, std::map<Oid, Table*>& tables) {
  const std::vector<Row> rows = TRY(session.query(
      "SELECT p.partrelid FROM pg_partitioned_table p WHERE EXISTS (SELECT FROM pg_opclass o"
      " JOIN pg_am m ON m.oid = o.opcmethod WHERE o.oid = ANY (p.partclass)"
      " AND m.amname = 'hash' AND o.opcintype = 'pg_catalog.anyenum'::regtype)"));
  for (const Row& row : rows) {
    const auto found = tables.find(oid_of(row, 0));
    if (found != tables.end()) found->second->hashed_by_enum = true;
  }
  return {};
}

Result<std::vector<Sequence>> list_sequences(Connection& session) {
  const std::vector<Row> rows = TRY(session.query(
      "SELECT c.oid, n.nspname, c.relname, coalesce((SELECT o.refobjid FROM pg_depend o"
      "  WHERE o.classid = 'pg_class'::regclass AND o.objid = c.oid AND o.objsubid = 0"
      "  AND o.refclassid = 'pg_class'::regclass AND o.deptype IN ('a', 'i') LIMIT 1), 0)" +
      users_relations + " AND c.relkind = 'S' ORDER BY n.nspname, c.relname"));
  std::vector<Sequence> sequences;
  for (const Row& row : rows) {
    sequences.push_back({oid_of(row, 0), row.text(1), row.text(2), oid_of(row, 3), true});
  }
  return sequences;
}

Result<std::vector<Definition>> list_definitions(Connection& session) {
  std::vector<Definition> all;
  const std::vector<Row> relations = TRY(session.query(
      "SELECT c.oid, c.relkind, n.nspname, c.relname, array_to_string(ARRAY("
      "  SELECT DISTINCT u.refobjid FROM pg_rewrite r JOIN pg_depend u"
      "  ON u.classid = 'pg_rewrite'::regclass AND u.objid = r.oid"
      "  AND u.refclassid = 'pg_class'::regclass AND u.refobjid <> c.oid"
      "  WHERE r.ev_class = c.oid), ' ')" +
      users_relations + " AND c.relkind IN ('v', 'm', 'f') ORDER BY n.nspname, c.relname"));
  for (const Row& row : relations) {
    Definition view;
    view.oid = oid_of(row, 0);
    const std::string& kind = row.text(1);
    view.kind = kind == "v" ? "view" : kind == "m" ? "materialized view" : "foreign table";
    view.schema = row.text(2);
    view.name = row.text(3);
    for (const std::string& oid : base::split(row.text(4), ' ')) {
      if (!oid.empty()) view.needs.push_back(static_cast<Oid>(std::stoul(oid)));
    }
    all.push_back(std::move(view));
  }
  const std::vector<Row> others = TRY(session.query(
      "SELECT p.oid, CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate'"
      " ELSE 'function' END, n.nspname, p.proname || '(' ||"
      " pg_get_function_identity_arguments(p.oid) || ')'"
      " FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
      " WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND NOT EXISTS"
      "  (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid"
      "  AND d.deptype = 'e')"
      " UNION ALL SELECT oid, 'extension', '', extname FROM pg_extension WHERE extname <> 'plpgsql'"
      " ORDER BY 2, 3, 4"));
  for (const Row& row : others) {
    all.push_back({oid_of(row, 0), row.text(1), row.text(2), row.text(3), {}, true, false});
  }
  return all;
}

// Names go into the manifest and into JSON files, which are UTF-8. Only databases without an
// encoding (SQL_ASCII) can have others.
Result<void> check_name(const std::string& shown) {
  for (std::string_view rest = shown; !rest.empty();) {
    const std::size_t length = base::utf8_length(rest);
    if (length == 0) {
      return fail(Error{Errc::unsupported,
                        "the name " + base::printable(shown) + " is not valid UTF-8", "rename it"});
    }
    rest.remove_prefix(length);
  }
  return {};
}

}  // namespace

std::string Definition::shown() const {
  if (relation) return display_qualified(schema, name);
  if (schema.empty()) return name;
  // A function's name comes with its arguments.
  std::string prefix = display_qualified(schema, "x");
  prefix.pop_back();
  return prefix + name;
}

const Table* Inventory::find(Oid oid) const {
  const auto found = std::find_if(tables.begin(), tables.end(),
                                  [&](const Table& table) { return table.oid == oid; });
  return found == tables.end() ? nullptr : &*found;
}

bool Inventory::within(const Table& table, const Table& whole) const {
  const Table* at = &table;
  while (at != nullptr && at->oid != whole.oid) {
    at = at->partition && !at->parents.empty() ? find(at->parents.front()) : nullptr;
  }
  return at != nullptr;
}

const Table& Inventory::load_through(const Table& table) const {
  const Table* through = &table;
  for (const Table* at = &table; at->partition && !at->parents.empty();) {
    at = find(at->parents.front());
    if (at == nullptr || !at->chosen) break;
    if (at->hashed_by_enum) through = at;
  }
  return *through;
}

Result<Inventory> take_inventory(Connection& session) {
  Inventory inventory;
  inventory.tables = TRY_DURING("list the tables", list_tables(session));
  std::map<Oid, Table*> by_oid;
  for (Table& table : inventory.tables) {
    TRY(check_name(table.shown()));
    by_oid[table.oid] = &table;
  }
  TRY_DURING("list the columns", add_columns(session, by_oid));
  TRY_DURING("list the partitions", add_parents(session, by_oid));
  TRY_DURING("list the partitions", mark_hashed_by_enum(session, by_oid));
  inventory.sequences = TRY_DURING("list the sequences", list_sequences(session));
  inventory.definitions = TRY_DURING("list the views", list_definitions(session));
  for (const Sequence& sequence : inventory.sequences) TRY(check_name(sequence.shown()));
  for (const Definition& definition : inventory.definitions) TRY(check_name(definition.shown()));
  const std::vector<Row> keys = TRY_DURING(
      "list the foreign keys",
      session.query("SELECT conname, conrelid, confrelid FROM pg_constraint WHERE contype = 'f'"
                    " ORDER BY conrelid, conname"));
  for (const Row& row : keys) {
    inventory.foreign_keys.push_back({row.text(0), oid_of(row, 1), oid_of(row, 2)});
  }
  inventory.large_objects =
      TRY(session.value("SELECT EXISTS (SELECT FROM pg_largeobject_metadata)"))
  == "t";
  return inventory;
}

Result<void> measure_tables(Connection& session, Inventory& inventory) {
  std::vector<std::string> oids;
  std::map<Oid, Table*> by_oid;
  for (Table& table : inventory.tables) {
    if (!table.rows_chosen || table.partitioned) continue;
    oids.push_back(std::to_string(table.oid));
    by_oid[table.oid] = &table;
  }
  const std::vector<Row> rows = TRY_DURING(
      "measure the tables",
      session.query("SELECT oid, pg_relation_size(oid) / current_setting('block_size')::int,"
                    " pg_table_size(oid) FROM unnest($1::oid[]) oid",
                    {"{" + base::join(oids, ",") + "}"}));
  for (const Row& row : rows) {
    Table& table = *by_oid.at(oid_of(row, 0));
    table.pages = static_cast<std::uint64_t>(row.number(1));
    table.bytes = static_cast<std::uint64_t>(row.number(2));
  }
  return {};
}

}  // namespace stillpoint::database::postgresql

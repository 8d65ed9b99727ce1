// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/source/schema_json.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace stillpoint::database::postgresql {
namespace {

// Privileges as a list; a grantee of null is PUBLIC. `acl` is an aclitem[].
std::string acl_json(const std::string& acl) {
  return "(SELECT json_agg(json_build_object('grantee', CASE x.grantee WHEN 0 THEN NULL"
         " ELSE pg_get_userbyid(x.grantee) END, 'grantor', pg_get_userbyid(x.grantor),"
         " 'privilege', x.privilege_type, 'grantable', x.is_grantable)) FROM aclexplode(" +
         acl + ") x)";
}

const std::string columns_json =
    "(SELECT json_agg(json_build_object('name', a.attname,"
    " 'type', format_type(a.atttypid, a.atttypmod),"
    " 'collation', (SELECT format('%I.%I', cn.nspname, co.collname) FROM pg_collation co"
    "  JOIN pg_namespace cn ON cn.oid = co.collnamespace JOIN pg_type t ON t.oid = a.atttypid"
    "  WHERE co.oid = a.attcollation AND a.attcollation <> t.typcollation),"
    " 'not_null', a.attnotnull, 'default', pg_get_expr(ad.adbin, ad.adrelid),"
    " 'identity', nullif(a.attidentity::text, ''), 'generated', nullif(a.attgenerated::text, ''),"
    " 'statistics', a.attstattarget, 'storage', a.attstorage::text, 'options', a.attoptions,"
    " 'comment', col_description(c.oid, a.attnum), 'acl', " +
    acl_json("a.attacl") +
    ") ORDER BY a.attnum) FROM pg_attribute a LEFT JOIN pg_attrdef ad"
    " ON ad.adrelid = a.attrelid AND ad.adnum = a.attnum"
    " WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)";

const std::string constraints_json =
    "(SELECT json_agg(json_build_object('name', k.conname, 'type', k.contype::text,"
    " 'definition', pg_get_constraintdef(k.oid), 'validated', k.convalidated,"
    " 'inherited', k.conparentid <> 0 OR NOT k.conislocal,"
    " 'comment', obj_description(k.oid, 'pg_constraint')) ORDER BY k.contype, k.conname)"
    " FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype IN ('p', 'u', 'x', 'c', 'f'))";

// 'using' is what follows the table's name in the definition: "btree (a) WHERE …".
const std::string indexes_json =
    "(SELECT json_agg(json_build_object('name', ic.relname, 'definition', y.text,"
    " 'unique', i.indisunique, 'using', substr(y.text, length(format("
    "  'CREATE %sINDEX %I ON %s%I.%I USING ', CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END,"
    "  ic.relname, CASE WHEN ic.relkind = 'I' THEN 'ONLY ' ELSE '' END, n.nspname, c.relname)) + "
    "1),"
    " 'constraint', (SELECT k.conname FROM pg_constraint k WHERE k.conindid = i.indexrelid"
    "  AND k.conrelid = c.oid AND k.contype IN ('p', 'u', 'x')),"
    " 'clustered', i.indisclustered, 'replica_identity', i.indisreplident, 'valid', i.indisvalid,"
    " 'tablespace', (SELECT spcname FROM pg_tablespace WHERE oid = ic.reltablespace),"
    " 'parent', (SELECT format('%I.%I', pn.nspname, pc.relname) FROM pg_inherits h"
    "  JOIN pg_class pc ON pc.oid = h.inhparent JOIN pg_namespace pn ON pn.oid = pc.relnamespace"
    "  WHERE h.inhrelid = ic.oid),"
    " 'comment', obj_description(ic.oid, 'pg_class')) ORDER BY ic.relname)"
    " FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid,"
    " LATERAL (SELECT pg_get_indexdef(i.indexrelid) AS text) y WHERE i.indrelid = c.oid)";

const std::string table_json =
    "json_build_object('schema', n.nspname, 'name', c.relname, 'kind', CASE"
    "  WHEN c.relkind = 'p' THEN 'partitioned' WHEN c.relispartition THEN 'partition'"
    "  ELSE 'table' END,"
    " 'unlogged', c.relpersistence = 'u', 'owner', pg_get_userbyid(c.relowner),"
    " 'extension', (SELECT e.extname FROM pg_extension e WHERE c.oid = ANY (e.extconfig)),"
    " 'of_type', nullif(c.reloftype, 0)::regtype::text,"
    " 'access_method', (SELECT amname FROM pg_am WHERE oid = c.relam),"
    " 'tablespace', (SELECT spcname FROM pg_tablespace WHERE oid = c.reltablespace),"
    " 'options', c.reloptions, 'row_security', c.relrowsecurity,"
    " 'force_row_security', c.relforcerowsecurity, 'replica_identity', c.relreplident::text,"
    " 'partition_key', pg_get_partkeydef(c.oid),"
    " 'bound', pg_get_expr(c.relpartbound, c.oid),"
    " 'parents', (SELECT json_agg(json_build_object('schema', pn.nspname, 'name', pc.relname)"
    "  ORDER BY h.inhseqno) FROM pg_inherits h JOIN pg_class pc ON pc.oid = h.inhparent"
    "  JOIN pg_namespace pn ON pn.oid = pc.relnamespace WHERE h.inhrelid = c.oid),"
    " 'columns', " +
    columns_json + ", 'constraints', " + constraints_json + ", 'indexes', " + indexes_json +
    ", 'comment', obj_description(c.oid, 'pg_class'), 'acl', " + acl_json("c.relacl") + ")";

std::string list_of(const std::vector<std::string>& texts, const std::string& name) {
  return "{\"" + name + "\": [\n" + base::join(texts, ",\n") + "\n]}\n";
}

Result<std::vector<Row>> query_batch(Connection& session, const std::vector<const Sequence*>& all) {
  std::string sql;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i > 0) sql += " UNION ALL ";
    sql += fmt::format("SELECT {}, last_value, is_called FROM {}", i, all[i]->quoted());
  }
  return session.query(sql + " ORDER BY 1");
}

}  // namespace

Result<std::string> database_json(Connection& session) {
  const int version = session.server_version();
  const std::string provider = version >= 150000 ? "d.datlocprovider::text" : "'c'";
  const std::string locale = version >= 170000   ? "d.datlocale"
                             : version >= 150000 ? "d.daticulocale"
                                                 : "NULL";
  const std::string rules = version >= 160000 ? "d.daticurules" : "NULL";
  const std::string text = TRY_DURING(
      "describe the database",
      session.value(
          "SELECT json_build_object('name', d.datname, 'owner', pg_get_userbyid(d.datdba),"
          " 'encoding', pg_encoding_to_char(d.encoding), 'collate', d.datcollate,"
          " 'ctype', d.datctype, 'locale_provider', " +
          provider + ", 'locale', " + locale + ", 'icu_rules', " + rules +
          ", 'tablespace', (SELECT spcname FROM pg_tablespace WHERE oid = d.dattablespace),"
          " 'connection_limit', d.datconnlimit, 'is_template', d.datistemplate,"
          " 'allow_connections', d.datallowconn,"
          " 'comment', shobj_description(d.oid, 'pg_database'), 'acl', " +
          acl_json("d.datacl") +
          ", 'settings', (SELECT json_agg(json_build_object("
          "  'role', CASE r.setrole WHEN 0 THEN NULL ELSE pg_get_userbyid(r.setrole) END,"
          "  'name', split_part(s.text, '=', 1),"
          "  'value', substr(s.text, strpos(s.text, '=') + 1)) ORDER BY r.setrole, s.text)"
          "  FROM pg_db_role_setting r, unnest(r.setconfig) s(text) WHERE r.setdatabase = d.oid),"
          " 'security_labels', (SELECT json_agg(json_build_object('provider', l.provider,"
          "  'label', l.label)) FROM pg_shseclabel l WHERE l.objoid = d.oid"
          "  AND l.classoid = 'pg_database'::regclass))"
          " FROM pg_database d WHERE d.datname = current_database()"));
  return text + "\n";
}

Result<std::string> tables_json(Connection& session, const Inventory& inventory) {
  std::vector<std::string> oids;
  std::map<Oid, const Table*> by_oid;
  for (const Table& table : inventory.tables) {
    if (!table.chosen) continue;
    oids.push_back(std::to_string(table.oid));
    by_oid[table.oid] = &table;
  }
  const std::vector<Row> rows =
      TRY_DURING("describe the tables",
                 session.query("SELECT c.oid, " + table_json +
                                   " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                                   " WHERE c.oid = ANY ($1::oid[]) ORDER BY n.nspname, c.relname",
                               {"{" + base::join(oids, ",") + "}"}));
  std::vector<std::string> texts;
  for (const Row& row : rows) {
    // What COPY is given is ours to say.
    const Table& table = *by_oid.at(static_cast<Oid>(row.number(0)));
    nlohmann::json copy = {{"columns", table.columns}, {"condition", table.condition}};
    const Table& through = inventory.load_through(table);
    if (&through != &table) copy["through"] = {{"schema", through.schema}, {"name", through.name}};
    if (table.partitioned || !table.rows_chosen) copy = nullptr;
    std::string text = row.text(1);
    text.pop_back();
    texts.push_back(text + ", \"copy\": " + copy.dump() + "}");
  }
  return list_of(texts, "tables");
}

Result<std::vector<SequenceValue>> read_sequences(Connection& session, const Inventory& inventory) {
  constexpr std::size_t batch = 200;
  std::vector<SequenceValue> values;
  std::vector<const Sequence*> waiting;
  const auto read = [&]() -> Result<void> {
    if (waiting.empty()) return {};
    const std::vector<Row> rows = TRY_DURING("read the sequences", query_batch(session, waiting));
    for (const Row& row : rows) {
      values.push_back(
          {waiting[static_cast<std::size_t>(row.number(0))], row.text(1), row.flag(2)});
    }
    waiting.clear();
    return {};
  };
  for (const Sequence& sequence : inventory.sequences) {
    if (!sequence.chosen) continue;
    waiting.push_back(&sequence);
    if (waiting.size() == batch) TRY(read());
  }
  TRY(read());
  return values;
}

std::string sequences_json(const std::vector<SequenceValue>& values) {
  std::vector<std::string> texts;
  for (const SequenceValue& value : values) {
    const nlohmann::json name = {{"schema", value.sequence->schema},
                                 {"name", value.sequence->name}};
    std::string text = name.dump();
    text.pop_back();
    texts.push_back(text + ",\"last_value\":" + value.last_value +
                    ",\"is_called\":" + (value.called ? "true}" : "false}"));
  }
  return list_of(texts, "sequences");
}

}  // namespace stillpoint::database::postgresql

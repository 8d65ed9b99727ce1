// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/target/emptying.h"

#include "base/text.h"

namespace stillpoint::database::postgresql {
namespace {

constexpr const char* of_users =
    " n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND n.nspname !~ '^stillpoint_'";

// Names of one kind of things that belong to no extension.
std::string listing(const std::string& kind, const std::string& name, const std::string& catalogue,
                    const std::string& from) {
  return "(SELECT '" + kind + " ' || " + name + " FROM " + from +
         " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = '" + catalogue +
         "'::regclass AND d.objid = x.oid AND d.deptype = 'e') LIMIT 10)";
}

std::string in_schemas(const std::string& kind, const std::string& catalogue,
                       const std::string& name, const std::string& schema,
                       const std::string& further = "") {
  return listing(
      kind, "quote_ident(n.nspname) || '.' || quote_ident(x." + name + ")", catalogue,
      catalogue + " x JOIN pg_namespace n ON n.oid = x." + schema + " WHERE" + of_users + further);
}

std::string anywhere(const std::string& kind, const std::string& catalogue,
                     const std::string& name) {
  return listing(kind, "quote_ident(x." + name + ")", catalogue,
                 catalogue + " x WHERE x.oid >= 16384");
}

std::string contents_sql() {
  const std::vector<std::string> listings = {
      in_schemas("relation", "pg_class", "relname", "relnamespace",
                 " AND x.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')"),
      in_schemas("function", "pg_proc", "proname", "pronamespace"),
      in_schemas("type", "pg_type", "typname", "typnamespace",
                 " AND x.typtype <> 'm' AND x.typelem = 0 AND NOT EXISTS (SELECT FROM pg_class c"
                 " WHERE c.oid = x.typrelid AND c.relkind <> 'c')"),
      listing("schema", "quote_ident(n.nspname)", "pg_namespace",
              std::string("(SELECT *, nspname AS name FROM pg_namespace) x JOIN pg_namespace n"
                          " ON n.oid = x.oid WHERE") +
                  of_users + " AND n.nspname <> 'public'"),
      anywhere("publication", "pg_publication", "pubname"),
      anywhere("event trigger", "pg_event_trigger", "evtname"),
      anywhere("server", "pg_foreign_server", "srvname"),
      "(SELECT 'large object ' || oid FROM pg_largeobject_metadata LIMIT 10)"};
  return base::join(listings, " UNION ALL ") + " LIMIT 10";
}

// Statements that drop what users have made: what others depend on comes last. $1 is the table of
// what was there before.
std::string drops_sql(const std::string& before) {
  const std::string member =
      " NOT EXISTS (SELECT FROM pg_depend d WHERE d.deptype = 'e' AND d.objid = x.oid AND d.classid"
      " = x.tableoid)";
  const std::vector<std::string> kinds = {
      "SELECT 1, 'DROP EVENT TRIGGER ' || quote_ident(evtname) FROM pg_event_trigger x WHERE" +
          member,
      "SELECT 2, 'DROP PUBLICATION ' || quote_ident(pubname) FROM pg_publication x WHERE" + member,
      "SELECT 4, 'DROP EXTENSION ' || quote_ident(extname) || ' CASCADE' FROM pg_extension"
      " WHERE extname NOT IN (SELECT text FROM " +
          before + " WHERE kind = 'extension')",
      "SELECT 5, 'DROP SCHEMA ' || quote_ident(n.nspname) || ' CASCADE' FROM (SELECT tableoid, *"
      " FROM pg_namespace) x JOIN pg_namespace n ON n.oid = x.oid WHERE" +
          std::string(of_users) + " AND n.nspname <> 'public' AND" + member,
      "SELECT 6, 'DROP ' || CASE o.type WHEN 'statistics object' THEN 'STATISTICS'"
      " WHEN 'composite type' THEN 'TYPE' ELSE o.type END || ' IF EXISTS ' || o.identity ||"
      " ' CASCADE' FROM pg_depend p, pg_identify_object(p.classid, p.objid, 0) o"
      " WHERE p.refclassid = 'pg_namespace'::regclass AND p.refobjid = (SELECT oid FROM"
      "  pg_namespace WHERE nspname = 'public') AND p.deptype = 'n' AND p.classid NOT IN"
      "  ('pg_extension'::regclass, 'pg_default_acl'::regclass)"
      " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.deptype"
      "  = 'e' AND d.objid = p.objid AND d.classid = p.classid)",
      "SELECT 7, 'DROP FOREIGN DATA WRAPPER ' || quote_ident(fdwname) || ' CASCADE' FROM"
      " pg_foreign_data_wrapper x WHERE" +
          member,
      "SELECT 8, 'DROP SERVER ' || quote_ident(srvname) || ' CASCADE' FROM pg_foreign_server x,"
      " pg_foreign_data_wrapper w WHERE w.oid = x.srvfdw AND EXISTS (SELECT FROM pg_depend d WHERE"
      "  d.deptype = 'e' AND d.objid = w.oid AND d.classid = w.tableoid) AND" +
          member,
      "SELECT 9, 'DROP LANGUAGE ' || quote_ident(lanname) || ' CASCADE' FROM pg_language x WHERE"
      " x.oid >= 16384 AND" +
          member,
      "SELECT 9, format('DROP CAST (%s AS %s)', format_type(castsource, NULL),"
      " format_type(casttarget, NULL)) FROM pg_cast x WHERE x.oid >= 16384 AND" +
          member};
  return "SELECT s FROM (" + base::join(kinds, " UNION ALL ") + ") AS all_of (place, s) ORDER BY 1";
}

// Made of `text` as it stands in `before`.
constexpr const char* remember_public =
    " SELECT 'statement', 'ALTER SCHEMA public OWNER TO ' || quote_ident(pg_get_userbyid(nspowner))"
    "  FROM pg_namespace WHERE nspname = 'public'"
    " UNION ALL SELECT 'statement', 'COMMENT ON SCHEMA public IS ' ||"
    "  coalesce(quote_literal(obj_description(oid, 'pg_namespace')), 'NULL')"
    "  FROM pg_namespace WHERE nspname = 'public'"
    " UNION ALL SELECT 'statement', format('GRANT %s ON SCHEMA public TO %s%s', a.privilege_type,"
    "  CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,"
    "  CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)"
    "  FROM pg_namespace n, aclexplode(n.nspacl) a WHERE nspname = 'public'"
    " UNION ALL SELECT 'extension', extname FROM pg_extension";

constexpr const char* revoke_public =
    "SELECT format('REVOKE ALL ON SCHEMA public FROM %s CASCADE', CASE a.grantee WHEN 0 THEN"
    " 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END)"
    " FROM pg_namespace n, aclexplode(n.nspacl) a WHERE nspname = 'public'"
    " AND a.grantee <> n.nspowner GROUP BY a.grantee";

Result<std::vector<std::string>> texts(Connection& session, const std::string& sql) {
  const auto rows = TRY(session.query(sql));
  std::vector<std::string> all;
  for (const Row& row : rows) all.push_back(row.text(0));
  return all;
}

Result<void> run(Connection& session, const std::vector<std::string>& statements) {
  for (const std::string& statement : statements) TRY(session.execute(statement));
  return {};
}

}  // namespace

Result<std::vector<std::string>> contents_of(Connection& session) {
  std::vector<std::string> found = TRY(texts(session, contents_sql()));
  for (std::string& name : found) name = base::printable(name);
  return found;
}

Result<void> remember_empty(Connection& session, const std::string& schema) {
  const std::string before = quote_qualified(schema, "before");
  TRY(session.execute("CREATE TABLE " + before + " (kind text, text text)"));
  return session.execute("INSERT INTO " + before + remember_public);
}

Result<void> make_empty(Connection& session, const std::string& schema) {
  const std::string before = quote_qualified(schema, "before");
  TRY(session.execute("BEGIN"));
  const std::vector<std::string> drops = TRY(texts(session, drops_sql(before)));
  TRY(run(session, drops));
  TRY(session.execute("SELECT lo_unlink(oid) FROM pg_largeobject_metadata"));
  const std::vector<std::string> revokes = TRY(texts(session, revoke_public));
  TRY(run(session, revokes));
  const std::vector<std::string> statements =
      TRY(texts(session, "SELECT text FROM " + before + " WHERE kind = 'statement'"));
  TRY(run(session, statements));
  TRY(session.execute("DROP SCHEMA " + quote_name(schema) + " CASCADE"));
  return session.execute("COMMIT");
}

}  // namespace stillpoint::database::postgresql

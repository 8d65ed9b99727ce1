// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/source/privileges.h"

#include <set>

#include <fmt/format.h>

#include "base/text.h"

namespace stillpoint::database::postgresql {
namespace {

// So many objects are named one by one; from there on a general right is less to type.
constexpr std::size_t named_max = 30;

template <class T>
std::string oids_of(const std::vector<T>& all) {
  std::vector<std::string> oids;
  for (const T& one : all) {
    if (one.chosen) oids.push_back(std::to_string(one.oid));
  }
  return "{" + base::join(oids, ",") + "}";
}

std::vector<std::string> texts_of(const std::vector<Row>& rows) {
  std::vector<std::string> texts;
  for (const Row& row : rows) texts.push_back(row.text(0));
  return texts;
}

struct Missing {
  std::string role;                    // all as SQL writes them
  std::vector<std::string> schemas;    // USAGE
  std::vector<std::string> tables;     // SELECT
  std::vector<std::string> sequences;  // SELECT
  std::vector<std::string> hidden;     // tables whose row security hides rows
  std::vector<std::string> large_objects;
};

Result<Missing> find_missing(Connection& session, const Inventory& inventory) {
  Missing missing;
  missing.role = TRY(session.value("SELECT quote_ident(current_user)"));
  const std::string tables = oids_of(inventory.tables);
  const std::string sequences = oids_of(inventory.sequences);
  missing.schemas = texts_of(
      TRY(session.query("SELECT DISTINCT quote_ident(n.nspname) FROM pg_class c JOIN pg_namespace n"
                        " ON n.oid = c.relnamespace WHERE c.oid = ANY ($1::oid[] || $2::oid[])"
                        " AND NOT has_schema_privilege(n.oid, 'USAGE') ORDER BY 1",
                        {tables, sequences})));
  const std::string names =
      "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n"
      " ON n.oid = c.relnamespace WHERE c.oid = ANY ($1::oid[]) AND ";
  const std::string order = " ORDER BY n.nspname, c.relname";
  missing.tables = texts_of(
      TRY(session.query(names + "NOT has_table_privilege(c.oid, 'SELECT')" + order, {tables})));
  missing.sequences = texts_of(TRY(session.query(
      names + "CASE c.relkind WHEN 'S' THEN NOT has_sequence_privilege(c.oid, 'SELECT') END" +
          order,
      {sequences})));
  missing.hidden =
      texts_of(TRY(session.query(names + "row_security_active(c.oid)" + order, {tables})));
  if (!inventory.large_objects) return missing;
  missing.large_objects = texts_of(TRY(session.query(
      "SELECT m.oid FROM pg_largeobject_metadata m WHERE NOT pg_has_role(m.lomowner, 'USAGE')"
      " AND NOT EXISTS (SELECT FROM aclexplode(m.lomacl) a WHERE a.privilege_type = 'SELECT'"
      "  AND (a.grantee = 0 OR pg_has_role(a.grantee, 'USAGE')))"
      " AND current_setting('lo_compat_privileges') = 'off' ORDER BY 1")));
  return missing;
}

// The statements, each on a line of its own.
std::vector<std::string> grants_for(const Missing& missing, int server_version) {
  std::vector<std::string> grants;
  const std::size_t objects =
      missing.schemas.size() + missing.tables.size() + missing.sequences.size();
  const std::string to = " TO " + missing.role + ";";
  if (objects > named_max && server_version >= 140000) {
    grants.push_back("GRANT pg_read_all_data" + to);
  } else {
    const auto grant = [&](std::string_view what, const std::vector<std::string>& names) {
      if (names.empty()) return;
      grants.push_back(fmt::format("GRANT {} {}{}", what, base::join(names, ", "), to));
    };
    grant("USAGE ON SCHEMA", missing.schemas);
    grant("SELECT ON TABLE", missing.tables);
    grant("SELECT ON SEQUENCE", missing.sequences);
  }
  if (!missing.large_objects.empty()) {
    grants.push_back("GRANT SELECT ON LARGE OBJECT " + base::join(missing.large_objects, ", ") +
                     to);
  }
  if (!missing.hidden.empty()) grants.push_back("ALTER ROLE " + missing.role + " BYPASSRLS;");
  return grants;
}

std::string some_of(std::vector<std::string> names) {
  constexpr std::size_t shown = 5;
  const std::size_t more = names.size() > shown ? names.size() - shown : 0;
  names.resize(names.size() - more);
  std::string text = base::join(names, ", ");
  if (more > 0) text += fmt::format(" and {} more", more);
  return text;
}

}  // namespace

Result<void> check_privileges(Connection& session, const Inventory& inventory) {
  const Missing missing = TRY_DURING("check the privileges", find_missing(session, inventory));
  const std::vector<std::string> grants = grants_for(missing, session.server_version());
  if (grants.empty()) return {};
  std::vector<std::string> what;
  const auto add = [&](const std::string& verb, const std::vector<std::string>& names) {
    if (!names.empty()) what.push_back(verb + " " + some_of(names));
  };
  add("may not use the schema", missing.schemas);
  add("may not read the table", missing.tables);
  add("may not read the sequence", missing.sequences);
  add("may not read the large object", missing.large_objects);
  add("would not see all rows (row security) of", missing.hidden);
  return fail(Error{Errc::denied, "user " + missing.role + " " + base::join(what, "; "),
                    "as a superuser, in this database:\n" + base::join(grants, "\n")});
}

}  // namespace stillpoint::database::postgresql

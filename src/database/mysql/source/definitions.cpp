// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/source/definitions.h"

#include <algorithm>
#include <array>
#include <functional>
#include <set>

#include <fmt/format.h>

#include "base/text.h"
#include "database/mysql/session/server_error.h"

namespace stillpoint::database::mysql {
namespace {

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

// Where each kind stands among the others when they are made again.
int rank_of(const std::string& kind) {
  constexpr std::array<std::string_view, 8> order = {
      "sequence", "package", "package body", "function", "procedure", "view", "trigger", "event"};
  return static_cast<int>(std::find(order.begin(), order.end(), kind) - order.begin());
}

// The column that holds the statement has a name of its own for each kind.
std::string text_of(const Row& row, const std::string& kind) {
  if (kind == "trigger") return row.text("SQL Original Statement");
  if (kind == "sequence") return row.text("Create Table");
  std::string name = "Create " + kind;
  return row.text(name);
}

Result<Statement> read_one(Connection& session, const Definition& what) {
  Statement statement;
  statement.what = &what;
  const std::string kind = what.kind == "sequence" ? "TABLE" : upper(what.kind);
  const Row row = TRY_DURING("read the definition of the " + what.kind + " " + what.shown(),
                             session.row("SHOW CREATE " + kind + " " + what.quoted()));
  statement.text = text_of(row, what.kind);
  statement.sql_mode = row.text("sql_mode");
  statement.charset = row.text("character_set_client");
  statement.collation_connection = row.text("collation_connection");
  statement.schema_collation = row.text("Database Collation");
  statement.time_zone = row.text("time_zone");
  if (statement.text.empty()) {
    return fail(
        Error{Errc::denied,
              "the server does not tell the definition of the " + what.kind + " " + what.shown(),
              "grant the user the right to read it: SELECT on mysql.proc in MariaDB, "
              "SHOW_ROUTINE in MySQL"});
  }
  if (what.kind == "sequence") {
    const Row values =
        TRY_DURING("read the sequence " + what.shown(),
                   session.row("SELECT next_not_cached_value FROM " + what.quoted()));
    statement.next_value = values.text(0);
    // SHOW CREATE TABLE of a sequence shows the table below it.
    const Row sequence = TRY(session.row("SHOW CREATE SEQUENCE " + what.quoted()));
    statement.text = sequence.text(1);
  }
  if (what.kind == "view") {
    statement.qualified = statement.text;
    const Result<void> read = session.execute("SELECT 1 FROM " + what.quoted() + " LIMIT 0");
    statement.valid = read || session.last_number() != er_view_invalid;
  }
  return statement;
}

// Seen from its own schema, a view that reads nothing else's names no schema: it can be made again
// in another.
Result<void> name_no_schema(Connection& session, std::vector<Statement>& all) {
  std::string schema;
  for (Statement& one : all) {
    if (one.what->kind != "view") continue;
    if (one.what->schema != schema) TRY(session.execute("USE " + quote_name(one.what->schema)));
    schema = one.what->schema;
    const Row row = TRY_DURING("read the definition of the view " + one.what->shown(),
                               session.row("SHOW CREATE VIEW " + one.what->quoted()));
    one.text = text_of(row, "view");
  }
  return {};
}

// Each view after those whose names stand in it. (An alias that looks like one does no harm.)
void order_views(std::vector<Statement>& all) {
  std::vector<Statement*> views;
  for (Statement& one : all) {
    if (one.what->kind == "view") views.push_back(&one);
  }
  std::vector<Statement> ordered;
  std::set<const Statement*> seen;
  const std::function<void(Statement&)> place = [&](Statement& view) {
    if (!seen.insert(&view).second) return;
    for (Statement* other : views) {
      const bool read = view.qualified.find(other->what->quoted()) != std::string::npos;
      if (other != &view && read) place(*other);
    }
    ordered.push_back(view);
  };
  for (Statement* view : views) place(*view);
  std::size_t next = 0;
  for (Statement& one : all) {
    if (one.what->kind == "view") one = ordered[next++];
  }
}

// Texts come as they were written, in their own character sets, for as long as this lives.
class AsStored {
 public:
  explicit AsStored(Connection& session) : session_(session) {}
  Result<void> begin() { return session_.execute("SET character_set_results = binary"); }
  ~AsStored() { (void)session_.execute("SET character_set_results = utf8mb4"); }

 private:
  Connection& session_;
};

}  // namespace

Result<std::vector<Statement>> read_definitions(Connection& session, const Inventory& inventory) {
  AsStored as_stored(session);
  TRY(as_stored.begin());
  TRY(session.execute("USE information_schema"));
  std::vector<const Definition*> wanted;
  for (const Definition& definition : inventory.definitions) {
    if (definition.chosen) wanted.push_back(&definition);
  }
  std::stable_sort(wanted.begin(), wanted.end(), [](const Definition* a, const Definition* b) {
    return rank_of(a->kind) < rank_of(b->kind);
  });
  std::vector<Statement> all;
  for (const Definition* definition : wanted) all.push_back(TRY(read_one(session, *definition)));
  order_views(all);
  TRY(name_no_schema(session, all));
  return all;
}

Result<std::vector<TableStatement>> read_tables(Connection& session, const Inventory& inventory) {
  std::vector<TableStatement> all;
  for (const Table& table : inventory.tables) {
    if (!table.chosen) continue;
    const Row row = TRY_DURING("read the definition of " + table.shown(),
                               session.row("SHOW CREATE TABLE " + table.quoted()));
    all.push_back({&table, take_apart(row.text(1))});
  }
  return all;
}

Result<std::string> read_users(Connection& session, bool mariadb) {
  std::string script =
      "-- Accounts and privileges. Passwords are here as the server keeps them, as hashes.\n";
  // MySQL's hashes hold bytes that are no text.
  if (!mariadb) TRY(session.execute("SET SESSION print_identified_with_as_hex = ON"));
  const std::vector<Row> accounts = TRY_DURING(
      "list the accounts",
      session.query(
          std::string("SELECT user, host, ") + (mariadb ? "is_role = 'Y'" : "FALSE") +
          " FROM mysql.user WHERE user NOT IN ('root', 'mysql', 'mariadb.sys',"
          " 'mysql.sys', 'mysql.session', 'mysql.infoschema', '') ORDER BY 3 DESC, 1, 2"));
  const auto show = [&](const std::string& sql) -> Result<void> {
    const std::vector<Row> rows = TRY_DURING("read the accounts", session.query(sql));
    for (const Row& row : rows) script += row.text(0) + ";\n";
    return {};
  };
  const auto quoted = [](const Row& row) {
    if (row.text(2) == "1") return quote_name(row.text(0));
    return quote_text(row.text(0)) + "@" + quote_text(row.text(1));
  };
  for (const Row& row : accounts) {
    if (row.text(2) == "1") {
      script += "CREATE ROLE " + quoted(row) + ";\n";
    } else {
      TRY(show("SHOW CREATE USER " + quoted(row)));
    }
  }
  for (const Row& row : accounts) TRY(show("SHOW GRANTS FOR " + quoted(row)));
  return script;
}

}  // namespace stillpoint::database::mysql

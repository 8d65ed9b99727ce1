// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/target/table_choice.h"

#include <algorithm>
#include <set>

#include "base/log.h"
#include "base/text.h"

namespace stillpoint::database::postgresql {
namespace {

std::string shown(const QualifiedName& name) {
  return base::printable(display_qualified(name.schema, name.name));
}

bool is_table(const Object& object) {
  return object.kind == "table" || object.kind == "partition" || object.kind == "partitioned table";
}

// What has a name already in the database.
struct Taken {
  std::string kind = {};   // of pg_class
  std::string bound = {};  // of a partition
  QualifiedName parent = {};
};

Result<std::optional<Taken>> taken(Connection& session, const QualifiedName& name) {
  const auto rows = TRY(session.query(
      "SELECT c.relkind, coalesce(pg_get_expr(c.relpartbound, c.oid), ''), coalesce(pn.nspname,"
      " ''), coalesce(p.relname, '') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
      " LEFT JOIN pg_inherits i ON i.inhrelid = c.oid AND c.relispartition"
      " LEFT JOIN pg_class p ON p.oid = i.inhparent"
      " LEFT JOIN pg_namespace pn ON pn.oid = p.relnamespace"
      " WHERE n.nspname = $1::name AND c.relname = $2::name",
      {name.schema, name.name}));
  if (rows.empty()) return std::nullopt;
  const Row& row = rows.front();
  return Taken{row.text(0), row.text(1), {row.text(2), row.text(3)}};
}

std::string another_name(const QualifiedName& from) {
  return fmt::format("give it another name: --table {}={}", shown(from),
                     shown({from.schema, from.name + "_restored"}));
}

Error taken_error(const TablePlace& place, const Taken& by) {
  const QualifiedName& from = place.table->name;
  if (by.bound.empty() || place.table->bound.empty()) {
    return {Errc::already_exists, shown(place.as) + " exists already", another_name(from)};
  }
  const std::string of = "it is a partition of " + shown(by.parent) + " " + by.bound;
  if (by.bound == place.table->bound) {
    return {Errc::already_exists,
            fmt::format("{} exists already: {}, like the one in the backup", shown(place.as), of),
            another_name(from) + "; or detach and rename the one that is there"};
  }
  return {Errc::already_exists,
          fmt::format("{} exists already: {}, and the one in the backup is {}", shown(place.as), of,
                      place.table->bound),
          another_name(from)};
}

// The partition that has the same bound already.
Result<std::string> same_bound(Connection& session, const QualifiedName& parent,
                               const std::string& bound) {
  const auto rows = TRY(session.query(
      "SELECT n.nspname, c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
      " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE i.inhparent = $1::regclass"
      " AND pg_get_expr(c.relpartbound, c.oid) = $2",
      {quote_qualified(parent.schema, parent.name), bound}));
  return rows.empty() ? std::string() : shown({rows.front().text(0), rows.front().text(1)});
}

const TableDefinition* find(const std::vector<TableDefinition>& tables, const QualifiedName& name) {
  const auto found = std::find_if(tables.begin(), tables.end(),
                                  [&](const TableDefinition& table) { return table.name == name; });
  return found == tables.end() ? nullptr : &*found;
}

// Whether a partition of the backup can be one here, too.
Result<void> place_partition(Connection& session, const std::vector<TableDefinition>& tables,
                             TablePlace& place) {
  if (place.table->parents.empty()) return {};
  const QualifiedName& parent = place.table->parents.front();
  const auto rows = TRY(
      session.query("SELECT pg_get_partkeydef(c.oid) FROM pg_class c JOIN pg_namespace n"
                    " ON n.oid = c.relnamespace WHERE n.nspname = $1::name AND c.relname = $2::name"
                    " AND c.relkind = 'p'",
                    {parent.schema, parent.name}));
  if (rows.empty()) {
    log(LogLevel::warning, "{} was a partition of {}, which is not there: it becomes a table",
        shown(place.table->name), shown(parent));
    return {};
  }
  const TableDefinition* known = find(tables, parent);
  if (known != nullptr && known->partition_key != rows.front().text(0)) {
    return fail(Error{Errc::invalid,
                      fmt::format("{} is partitioned by {} here, and by {} in the backup",
                                  shown(parent), rows.front().text(0), known->partition_key),
                      another_name(place.table->name)});
  }
  const std::string other = TRY(same_bound(session, parent, place.table->bound));
  if (!other.empty()) {
    return fail(Error{
        Errc::already_exists,
        fmt::format("{} has a partition {} already: {}", shown(parent), place.table->bound, other),
        another_name(place.table->name)});
  }
  place.parent = parent;
  return {};
}

std::string partitions_of(const std::vector<TableDefinition>& tables, const QualifiedName& name) {
  std::vector<std::string> names;
  for (const TableDefinition& table : tables) {
    const auto& parents = table.parents;
    if (std::find(parents.begin(), parents.end(), name) != parents.end() && names.size() < 5) {
      names.push_back("--table " + shown(table.name));
    }
  }
  return base::join(names, " ");
}

}  // namespace

Result<std::vector<ChosenTable>> chosen_tables(const std::vector<TableChoice>& choices,
                                               const std::vector<Object>& objects) {
  std::vector<std::string> known;
  for (const Object& object : objects) {
    if (is_table(object)) known.push_back(object.name);
  }
  std::set<std::string> places;
  std::vector<ChosenTable> chosen;
  for (const TableChoice& choice : choices) {
    ChosenTable one;
    one.from = TRY(parse_qualified(choice.table));
    one.renamed = !choice.as.empty();
    one.as = one.renamed ? TRY(parse_qualified(choice.as)) : one.from;
    const std::string name = display_qualified(one.from.schema, one.from.name);
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      const std::string near = base::closest(name, known);
      return fail(Error{Errc::not_found,
                        fmt::format("the backup has no table {}", base::printable(name)),
                        near.empty() ? "stillpoint show lists its tables"
                                     : "did you mean " + base::printable(near) + "?"});
    }
    if (!places.insert(display_qualified(one.as.schema, one.as.name)).second) {
      return fail(Error{Errc::invalid, "two tables are to become " + shown(one.as),
                        "give one of them another name"});
    }
    chosen.push_back(std::move(one));
  }
  return chosen;
}

Result<TablePlace> place_table(Connection& session, const ChosenTable& chosen,
                               const std::vector<TableDefinition>& tables) {
  TablePlace place;
  place.table = find(tables, chosen.from);
  if (place.table == nullptr) {
    return fail(Errc::corrupt, "schema/tables.json does not know {}", shown(chosen.from));
  }
  if (place.table->kind == TableDefinition::Kind::partitioned) {
    return fail(Error{Errc::unsupported,
                      shown(chosen.from) + " is partitioned: its rows are in its partitions",
                      "choose those: " + partitions_of(tables, chosen.from)});
  }
  place.as = chosen.as;
  if (const auto by = TRY(taken(session, place.as))) return fail(taken_error(place, *by));
  const auto schemas =
      TRY(session.query("SELECT FROM pg_namespace WHERE nspname = $1::name", {place.as.schema}));
  place.makes_schema = schemas.empty();
  if (place.makes_schema && chosen.renamed && place.as.schema != chosen.from.schema) {
    return fail(Error{Errc::not_found, "there is no schema " + base::printable(place.as.schema),
                      "CREATE SCHEMA " + quote_name(place.as.schema)});
  }
  if (place.table->kind == TableDefinition::Kind::partition && place.as == chosen.from) {
    TRY(place_partition(session, tables, place));
  }
  return place;
}

}  // namespace stillpoint::database::postgresql

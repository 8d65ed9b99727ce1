// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/target/table_builder.h"

#include <algorithm>
#include <optional>

#include "base/log.h"
#include "base/text.h"

namespace stillpoint::database::postgresql {
namespace {

constexpr std::size_t name_bytes_max = 63;

std::string shown(const QualifiedName& name) {
  return base::printable(display_qualified(name.schema, name.name));
}

std::string quoted(const QualifiedName& name) {
  return quote_qualified(name.schema, name.name);
}

// The sequence of "nextval('public.accounts_id_seq'::regclass)".
std::optional<QualifiedName> sequence_in(const std::string& expression) {
  constexpr std::string_view front = "nextval('";
  constexpr std::string_view end = "'::regclass)";
  if (!expression.starts_with(front) || !expression.ends_with(end)) return std::nullopt;
  const std::string inner =
      expression.substr(front.size(), expression.size() - front.size() - end.size());
  std::string name;
  for (std::size_t i = 0; i < inner.size(); ++i) {
    name += inner[i];
    if (inner[i] == '\'') ++i;  // it is doubled
  }
  const auto parsed = parse_qualified(name);
  return parsed ? std::optional(*parsed) : std::nullopt;
}

const BackupSequence* find(const std::vector<BackupSequence>& sequences,
                           const QualifiedName& name) {
  const auto found =
      std::find_if(sequences.begin(), sequences.end(), [&](const BackupSequence& one) {
        return one.schema == name.schema && one.name == name.name;
      });
  return found == sequences.end() ? nullptr : &*found;
}

// The sequence whose name is in `name`, set as it was in the backup; else behind the column's
// largest value.
Result<void> set_value(Connection& session, const std::string& name, const BackupSequence* value) {
  if (value == nullptr) return {};
  TRY(session.query("SELECT setval($1::regclass, $2::bigint, $3::boolean)",
                    {name, std::to_string(value->value), value->called ? "t" : "f"}));
  return {};
}

// "FOREIGN KEY (owner) REFERENCES bank.owners(id) …": what it refers to, and where that stands.
struct Reference {
  QualifiedName table = {};
  std::size_t begin = 0;
  std::size_t end = 0;
};

std::optional<Reference> reference_in(const std::string& definition) {
  constexpr std::string_view word = " REFERENCES ";
  const std::size_t at = definition.find(word);
  if (at == std::string::npos) return std::nullopt;
  Reference reference;
  reference.begin = at + word.size();
  bool in_quotes = false;
  std::size_t end = reference.begin;
  for (; end < definition.size() && (in_quotes || definition[end] != '('); ++end) {
    if (definition[end] == '"') in_quotes = !in_quotes;
  }
  reference.end = end;
  const auto name = parse_qualified(definition.substr(reference.begin, end - reference.begin));
  if (!name) return std::nullopt;
  reference.table = *name;
  return reference;
}

}  // namespace

// A name that nothing has, neither where the table is made nor where it goes.
Result<std::string> TableBuilder::free_name(Connection& session, const std::string& wanted) {
  const std::string& old_table = place_.table->name.name;
  const std::string end =
      wanted.starts_with(old_table) ? wanted.substr(old_table.size()) : "_" + wanted;
  for (int number = 0;; ++number) {
    const std::string digits = number < 2 ? "" : std::to_string(number);
    std::string name = number == 0 ? wanted : place_.as.name + end;
    const std::size_t room = name_bytes_max - digits.size();
    while (name.size() > room) {  // whole characters
      while (name.size() > 1 && (static_cast<unsigned char>(name.back()) & 0xC0) == 0x80) {
        name.pop_back();
      }
      name.pop_back();
    }
    name += digits;
    const auto taken =
        TRY(session.query("SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                          " WHERE c.relname = $1::name AND n.nspname IN ($2::name, $3::name)",
                          {name, place_.as.schema, staged_.schema}));
    if (taken.empty()) return name;
  }
}

// A sequence that belongs to a table of the backup comes along as one of its own; one that is there
// and is nobody's is used as it is.
Result<std::string> TableBuilder::default_of(Connection& session, const TableColumn& column,
                                             const std::vector<BackupSequence>& sequences,
                                             std::vector<std::string>& after) {
  if (column.generated) return std::string();
  const auto sequence = sequence_in(column.expression);
  if (!sequence || place_.parent) return column.expression;
  const auto there = TRY(session.query(
      "SELECT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND"
      " d.objid = c.oid AND d.deptype IN ('a', 'i') AND d.refclassid = 'pg_class'::regclass)"
      " FROM pg_class c WHERE c.oid = to_regclass($1) AND c.relkind = 'S'",
      {quoted(*sequence)}));
  if (!there.empty() && !there.front().flag(0)) return column.expression;
  const QualifiedName own = { staged_.schema, TRY(free_name(session, sequence->name)) };
  const std::string type =
      column.type == "integer" || column.type == "smallint" ? " AS " + column.type : std::string();
  TRY(session.execute("CREATE SEQUENCE " + quoted(own) + type));
  TRY(set_value(session, quoted(own), find(sequences, *sequence)));
  after.push_back("ALTER SEQUENCE " + quoted(own) + " OWNED BY " + staged_name() + "." +
                  quote_name(column.name));
  return "nextval(" + quote_text(quoted(own)) + "::regclass)";
}

Result<void> TableBuilder::add_identity(Connection& session, const TableColumn& column,
                                        const std::vector<BackupSequence>& sequences) {
  const QualifiedName& from = place_.table->name;
  const std::string usual = from.name + "_" + column.name + "_seq";
  const std::string made =
      TRY(session.value("SELECT pg_get_serial_sequence($1, $2)", {staged_name(), column.name}));
  TRY(set_value(session, made, find(sequences, {from.schema, usual})));
  const std::string name = TRY(free_name(session, usual));
  return session.execute("ALTER SEQUENCE " + made + " RENAME TO " + quote_name(name));
}

Result<void> TableBuilder::create(Connection& session,
                                  const std::vector<BackupSequence>& sequences) {
  const std::string making = "make the table " + shown(place_.as);
  TRY_DURING(making, session.execute("BEGIN"));
  std::vector<std::string> defaults;
  std::vector<std::string> after;
  for (const TableColumn& column : place_.table->columns) {
    defaults.push_back(TRY_DURING(making, default_of(session, column, sequences, after)));
  }
  const auto made = session.execute(create_table_sql(*place_.table, staged_, defaults));
  if (!made) {
    const bool lacks = made.error().code == Errc::not_found;
    return fail(Error(made.error())
                    .during(making)
                    .advise(lacks ? "make what it needs first: schema/pre-data.sql in the backup "
                                    "says how; or restore the whole database elsewhere"
                                  : ""));
  }
  for (const std::string& statement : after) TRY_DURING(making, session.execute(statement));
  for (const TableColumn& column : place_.table->columns) {
    if (column.identity != 0) TRY_DURING(making, add_identity(session, column, sequences));
  }
  TRY_DURING(making, session.execute("COMMIT"));
  return {};
}

Result<void> TableBuilder::add_constraints(Connection& session) {
  const std::string alter = "ALTER TABLE " + staged_name() + " ADD CONSTRAINT ";
  for (const TableConstraint& one : place_.table->constraints) {
    if (one.type == 'f') continue;
    const bool has_index = one.type != 'c';
    const std::string name = has_index ? TRY(free_name(session, one.name)) : one.name;
    TRY_DURING("add the constraint " + base::printable(one.name),
               session.execute(alter + quote_name(name) + " " + one.definition));
    if (one.comment.empty()) continue;
    TRY(session.execute("COMMENT ON CONSTRAINT " + quote_name(name) + " ON " + staged_name() +
                        " IS " + quote_text(one.comment)));
  }
  return {};
}

Result<void> TableBuilder::add_indexes(Connection& session) {
  for (const TableIndex& one : place_.table->indexes) {
    if (one.of_constraint) continue;
    const std::string name = TRY(free_name(session, one.name));
    TRY_DURING(
        "make the index " + base::printable(one.name),
        session.execute(std::string("CREATE ") + (one.unique ? "UNIQUE " : "") + "INDEX " +
                        quote_name(name) + " ON " + staged_name() + " USING " + one.definition));
    const std::string alter = "ALTER TABLE " + staged_name();
    if (one.clustered) TRY(session.execute(alter + " CLUSTER ON " + quote_name(name)));
    if (one.replica_identity) {
      TRY(session.execute(alter + " REPLICA IDENTITY USING INDEX " + quote_name(name)));
    }
    if (one.comment.empty()) continue;
    TRY(session.execute("COMMENT ON INDEX " + quote_qualified(staged_.schema, name) + " IS " +
                        quote_text(one.comment)));
  }
  return {};
}

Result<void> TableBuilder::finish(Connection& session) {
  const std::string making = "make the table " + shown(place_.as);
  TRY_DURING(making, session.execute("BEGIN; SET LOCAL maintenance_work_mem = '256MB'"));
  TRY_DURING(making, add_constraints(session));
  TRY_DURING(making, add_indexes(session));
  for (const std::string& statement :
       table_property_statements(*place_.table, staged_, no_owner_)) {
    TRY_DURING(making, session.execute(statement));
  }
  TRY_DURING(making, session.execute("COMMIT"));
  TRY_DURING(making, session.execute("ANALYZE " + staged_name()));
  return {};
}

Result<void> TableBuilder::put_in_place(Connection& session) {
  const std::string putting = "put the table " + shown(place_.as) + " in its place";
  if (place_.makes_schema) {
    TRY_DURING(putting,
               session.execute("CREATE SCHEMA IF NOT EXISTS " + quote_name(place_.as.schema)));
  }
  TRY_DURING(putting, session.execute("ALTER TABLE " + staged_name() + " RENAME TO " +
                                      quote_name(place_.as.name)));
  TRY_DURING(putting,
             session.execute("ALTER TABLE " + quote_qualified(staged_.schema, place_.as.name) +
                             " SET SCHEMA " + quote_name(place_.as.schema)));
  if (!place_.parent) return {};
  TRY_DURING(putting,
             session.execute("ALTER TABLE " + quoted(*place_.parent) + " ATTACH PARTITION " +
                             final_name() + " " + place_.table->bound));
  return {};
}

Result<void> TableBuilder::add_foreign_keys(Connection& session,
                                            const std::vector<TableBuilder>& builders) {
  for (const TableConstraint& one : place_.table->constraints) {
    // A partition gets its parent's by being attached.
    if (one.type != 'f' || (one.inherited && place_.parent)) continue;
    std::string definition = one.definition;
    if (const auto reference = reference_in(definition)) {
      for (const TableBuilder& other : builders) {
        if (other.place_.table->name != reference->table) continue;
        definition.replace(reference->begin, reference->end - reference->begin, other.final_name());
      }
    }
    const bool whole = !definition.ends_with(" NOT VALID");
    const std::string sql = "ALTER TABLE " + final_name() + " ADD CONSTRAINT " +
                            quote_name(one.name) + " " + definition + (whole ? " NOT VALID" : "");
    TRY(session.execute("SAVEPOINT foreign_key"));
    const auto added = session.execute(sql);
    if (added) {
      if (whole) to_validate_.push_back(one.name);
      continue;
    }
    const Errc code = added.error().code;
    TRY(session.execute("ROLLBACK TO SAVEPOINT foreign_key"));
    const bool hopeless = code != Errc::not_found && code != Errc::invalid &&
                          code != Errc::already_exists && code != Errc::denied;
    if (hopeless) return fail(Error(added.error()).during("add the foreign key " + one.name));
    log(LogLevel::warning, "{}: the foreign key {} is left out: {}", shown(place_.as),
        base::printable(one.name), added.error().message);
  }
  return {};
}

Result<void> TableBuilder::validate_foreign_keys(Connection& session) {
  for (const std::string& name : to_validate_) {
    const auto valid =
        session.execute("ALTER TABLE " + final_name() + " VALIDATE CONSTRAINT " + quote_name(name));
    if (valid) continue;
    log(LogLevel::warning,
        "{}: the foreign key {} is NOT VALID: {}; once its rows fit, run ALTER TABLE {} VALIDATE "
        "CONSTRAINT {}",
        shown(place_.as), base::printable(name), valid.error().message, final_name(),
        quote_name(name));
  }
  return {};
}

}  // namespace stillpoint::database::postgresql

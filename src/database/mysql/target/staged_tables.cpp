// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/target/staged_tables.h"

#include <algorithm>
#include <array>
#include <functional>
#include <set>

#include "base/log.h"
#include "base/text.h"
#include "database/mysql/session/server_error.h"
#include "database/mysql/source/row_text.h"
#include "database/mysql/target/statement_text.h"
#include "database/row_sum.h"
#include "pipeline/worker_pool.h"

namespace stillpoint::database::mysql {
namespace {

constexpr std::uint64_t many_rows = 50'000;
constexpr unsigned er_duplicate_index = 1061;

std::string quoted(const StagedTable& one) {
  return quote_qualified(one.schema, one.name);
}

std::string printable_name(const StagedTable& one) {
  return base::printable(one.table->shown());
}

// CREATE TABLE of another name.
std::string renamed(const std::string& create, const std::string& from, const std::string& to) {
  const std::string name = quote_name(from);
  const std::size_t at = create.find(name);
  if (from == to || at == std::string::npos) return create;
  return create.substr(0, at) + quote_name(to) + create.substr(at + name.size());
}

// Runs `work` for each table, on several sessions.
Result<void> for_each(Staging& staging, const std::vector<StagedTable>& tables, unsigned workers,
                      const std::stop_token& stop,
                      const std::function<Result<void>(Connection&, const StagedTable&)>& work) {
  pipeline::FirstError failure;
  const auto following = failure.follow(stop);
  pipeline::WorkerPool pool(std::max(workers, 1U), 1, failure);
  for (const StagedTable& one : tables) {
    TRY(pool.submit([&]() -> Result<void> {
      Staging::Loan session = TRY(staging.borrow(failure.token()));
      TRY(work(*session, one));
      session.give_back();
      return {};
    }));
  }
  return pool.finish();
}

Result<void> make_table(Staging& staging, Connection& session, const StagedTable& one) {
  const TableDefinition definition = take_apart(one.table->create);
  const std::string& create = one.indexes_later ? definition.base : definition.without_foreign_keys;
  TRY(session.execute("USE " + quote_name(one.schema)));
  Result<void> made =
      session.execute(renamed(with_schemas(create, staging.schemas()), one.table->name, one.name));
  if (made) return made;
  Error error = std::move(made.error());
  if (error.code == Errc::invalid) error.code = Errc::unsupported;
  return fail(std::move(error)
                  .during("make the table " + printable_name(one))
                  .advise("the backup is of another kind or version of server, where this table "
                          "could be made; restore to one like it, or restore other tables with "
                          "--table"));
}

// On a restore that goes on with another's, it may be there already.
Result<bool> has_foreign_keys(Connection& session, const StagedTable& one) {
  const std::string count = TRY(session.value(
      "SELECT COUNT(*) FROM information_schema.referential_constraints WHERE constraint_schema = " +
      quote_text(one.schema) + " AND table_name = " + quote_text(one.name)));
  return count != "0";
}

std::string additions(const std::vector<std::string>& items) {
  std::vector<std::string> all;
  for (const std::string& item : items) all.push_back("ADD " + item);
  return base::join(all, ", ");
}

Result<void> complete_table(Staging& staging, Connection& session, const StagedTable& one) {
  if (one.indexes_later) TRY(make_indexes(session, one));
  const TableDefinition definition = take_apart(one.table->create);
  if (definition.foreign_keys.empty() || !one.foreign_keys) return {};
  if (TRY(has_foreign_keys(session, one))) return {};
  TRY(session.execute("USE " + quote_name(one.schema)));
  const std::string keys = with_schemas(additions(definition.foreign_keys), staging.schemas());
  TRY_DURING("make the foreign keys of " + printable_name(one),
             session.execute("ALTER TABLE " + quoted(one) + " " + keys));
  return {};
}

Error corrupt(const std::string& what) {
  return Error{
      Errc::corrupt, what,
      "the old data is as it was; check the repository (stillpoint check --read-data), and "
      "restore again"};
}

Result<void> compare(const std::string& name, const Receipt& expected, const Receipt& found) {
  const std::string shown = base::printable(name);
  if (expected.rows && found.rows != expected.rows) {
    return fail(corrupt(fmt::format("the table {} has {} rows, and the backup says {}", shown,
                                    found.rows.value_or(0), *expected.rows)));
  }
  if (expected.checksum && found.checksum != expected.checksum) {
    return fail(corrupt(fmt::format("rows of the table {} differ from what was backed up", shown)));
  }
  return {};
}

// What the backup says of a table, or of one of its partitions.
std::map<std::string, Receipt> expectations(const std::vector<Object>& objects) {
  std::map<std::string, Receipt> all;
  for (const Object& object : objects) {
    const bool rows = object.kind == "table" || object.kind == "partition";
    if (rows && object.rows) all[object.name] = {object.rows, object.checksum};
  }
  return all;
}

void add(Receipt& sum, const Receipt& one) {
  sum.rows = sum.rows.value_or(0) + one.rows.value_or(0);
  sum.checksum = sum.checksum.value_or(0) + one.checksum.value_or(0);
}

std::set<std::string> partitions_in(const StoredTable& table) {
  std::set<std::string> all;
  for (const StoredPart& part : table.parts) all.insert(part.partition);
  return all;
}

Result<Receipt> read_rows(Connection& session, const StagedTable& one) {
  TRY(session.execute("SET character_set_results = binary"));
  RowSum sum;
  Bytes row;
  TRY(session.stream("SELECT " + one.table->select + " FROM " + quoted(one),
                     [&](const Cells& cells) -> Result<void> {
                       row.clear();
                       append_row(row, cells);
                       sum.add_row(row);
                       return {};
                     }));
  TRY(session.execute("SET character_set_results = utf8mb4"));
  return sum.receipt();
}

struct ForeignKeyColumns {
  std::string table = {};
  std::string referenced = {};
  std::vector<std::string> equal = {};
  std::vector<std::string> set = {};
  std::string missing = {};
};

Result<std::map<std::string, ForeignKeyColumns>> foreign_keys_in(Connection& session,
                                                                 const std::string& schema) {
  const std::vector<Row> rows = TRY(session.query(
      "SELECT constraint_name, table_name, column_name, referenced_table_schema,"
      " referenced_table_name, referenced_column_name FROM information_schema.key_column_usage"
      " WHERE referenced_table_name IS NOT NULL AND table_schema = " +
      quote_text(schema) + " ORDER BY table_name, constraint_name, ordinal_position"));
  std::map<std::string, ForeignKeyColumns> keys;
  for (const Row& row : rows) {
    ForeignKeyColumns& key = keys[row.text(1) + "\n" + row.text(0)];
    key.table = row.text(1);
    key.referenced = quote_qualified(row.text(3), row.text(4));
    const std::string from = "c." + quote_name(row.text(2));
    const std::string to = "p." + quote_name(row.text(5));
    key.equal.push_back(to + " = " + from);
    key.set.push_back(from + " IS NOT NULL");
    key.missing = to + " IS NULL";
  }
  return keys;
}

}  // namespace

bool indexes_come_later(const StoredTable& table, std::uint64_t rows) {
  if (!table.transactional() || rows < many_rows) return false;
  const TableDefinition definition = take_apart(table.create);
  // Only one such can be added at a time, and each one rewrites the table.
  const auto special = [](const std::string& index) {
    return index.starts_with("FULLTEXT") || index.starts_with("VECTOR");
  };
  if (std::any_of(definition.indexes.begin(), definition.indexes.end(), special)) return false;
  // Where one has to be there from the start, the others would change places with it.
  const bool in_order = definition.base.find("\n  KEY ") == std::string::npos &&
                        definition.base.find("\n  UNIQUE KEY ") == std::string::npos;
  return !definition.indexes.empty() && in_order;
}

Result<void> make_tables(Staging& staging, const std::vector<StagedTable>& tables, unsigned workers,
                         const std::stop_token& stop) {
  return for_each(staging, tables, workers, stop, [&](Connection& session, const StagedTable& one) {
    return make_table(staging, session, one);
  });
}

Result<void> make_indexes(Connection& session, const StagedTable& one) {
  const TableDefinition definition = take_apart(one.table->create);
  if (definition.indexes.empty()) return {};
  TRY(session.execute("USE " + quote_name(one.schema)));
  const Result<void> made =
      session.execute("ALTER TABLE " + quoted(one) + " " + additions(definition.indexes));
  const bool there = !made && session.last_number() == er_duplicate_index;
  if (made || there) return {};
  return fail(Error(made.error()).during("make the indexes of " + printable_name(one)));
}

Result<void> complete_tables(Staging& staging, const std::vector<StagedTable>& tables,
                             unsigned workers, const std::stop_token& stop) {
  std::vector<StagedTable> rest;
  for (const StagedTable& one : tables) {
    const bool keys = one.foreign_keys && !one.table->foreign_keys.empty();
    if (one.indexes_later || keys) rest.push_back(one);
  }
  return for_each(staging, rest, workers, stop, [&](Connection& session, const StagedTable& one) {
    return complete_table(staging, session, one);
  });
}

Result<void> check_receipts(const Staging& staging, const std::vector<StagedTable>& tables,
                            const std::vector<Object>& objects) {
  std::map<std::string, Receipt> expected = expectations(objects);
  const std::map<std::string, Receipt> done = staging.all_done();
  for (const StagedTable& one : tables) {
    std::map<std::string, Receipt> found;
    for (const StoredPart& part : one.table->parts) {
      const auto receipt = done.find(part.path);
      if (receipt == done.end()) return fail(corrupt("the part " + part.path + " is missing"));
      add(found[one.table->shown(part.partition)], receipt->second);
    }
    for (const auto& [name, receipt] : found) {
      const auto known = expected.find(name);
      if (known != expected.end()) TRY(compare(name, known->second, receipt));
    }
  }
  return {};
}

Result<void> read_back(Staging& staging, const std::vector<StagedTable>& tables,
                       const std::vector<Object>& objects, unsigned workers,
                       const std::stop_token& stop) {
  const std::map<std::string, Receipt> known = expectations(objects);
  return for_each(staging, tables, workers, stop,
                  [&](Connection& session, const StagedTable& one) -> Result<void> {
                    if (one.table->parts.empty()) return {};
                    Receipt expected;
                    for (const std::string& partition : partitions_in(*one.table)) {
                      const auto found = known.find(one.table->shown(partition));
                      if (found != known.end()) add(expected, found->second);
                    }
                    const Receipt read = TRY_DURING("read the table " + printable_name(one),
                                                    read_rows(session, one));
                    return compare(one.table->shown(), expected, read);
                  });
}

Result<void> check_foreign_keys(Staging& staging, const std::stop_token& stop) {
  Staging::Loan session = TRY(staging.borrow(stop));
  for (const Place& place : staging.mark().places) {
    const auto keys = TRY(foreign_keys_in(*session, place.staged));
    for (const auto& [name, key] : keys) {
      const auto rows = session->query(
          "SELECT 1 FROM " + quote_qualified(place.staged, key.table) + " c LEFT JOIN " +
          key.referenced + " p ON " + base::join(key.equal, " AND ") + " WHERE " +
          base::join(key.set, " AND ") + " AND " + key.missing + " LIMIT 1");
      if (!rows && rows.error().code == Errc::cancelled) return fail(rows.error());
      if (rows && rows->empty()) continue;
      const std::string shown = base::printable(display_qualified(place.from, key.table)) + ", " +
                                base::printable(name.substr(name.find('\n') + 1));
      log(LogLevel::warning, "a foreign key leads nowhere, as in the backup: {}{}", shown,
          rows ? "" : ": " + rows.error().message);
    }
  }
  session.give_back();
  return {};
}

}  // namespace stillpoint::database::mysql

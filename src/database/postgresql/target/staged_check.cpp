// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/target/staged_check.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "database/postgresql/target/copy_in.h"
#include "database/row_sum.h"
#include "pipeline/worker_pool.h"

namespace stillpoint::database::postgresql {
namespace {

std::map<std::string, Receipt> receipts_of_tables(const Staging& staging) {
  std::map<std::string, Receipt> tables;
  for (const auto& [step, receipt] : staging.all_done()) {
    const auto path = data_path_of(step);
    if (!path) continue;
    Receipt& sum = tables[display_qualified(path->schema, path->name)];
    sum.rows = sum.rows.value_or(0) + receipt.rows.value_or(0);
    sum.checksum = sum.checksum.value_or(0) + receipt.checksum.value_or(0);
  }
  return tables;
}

bool is_table(const Object& object) {
  return (object.kind == "table" || object.kind == "partition") && object.rows;
}

Error corrupt(const std::string& what) {
  return Error{
      Errc::corrupt, what,
      "the old data is as it was; check the repository (stillpoint check --read-data), and "
      "restore again"};
}

std::string listed(const std::set<std::string>& names) {
  std::vector<std::string> shown;
  for (const std::string& name : names) {
    if (shown.size() == 10) break;
    shown.push_back(base::printable(name));
  }
  const std::size_t more = names.size() - shown.size();
  return base::join(shown, ", ") + (more == 0 ? "" : fmt::format(" and {} more", more));
}

Result<void> compare(const Object& expected, const Receipt& found) {
  const std::string name = base::printable(expected.name);
  if (expected.rows && found.rows != expected.rows) {
    return fail(corrupt(fmt::format("the table {} has {} rows, and the backup says {}", name,
                                    found.rows.value_or(0), *expected.rows)));
  }
  if (expected.checksum && found.checksum && found.checksum != expected.checksum) {
    return fail(corrupt(fmt::format("rows of the table {} differ from what was backed up", name)));
  }
  return {};
}

Result<Receipt> read_table(Connection& session, const CopyTable& table, bool partitioned) {
  const std::string name = quote_qualified(table.schema, table.name);
  const std::string source = partitioned
                                 ? "(SELECT " + quote_names(table.columns) + " FROM " + name + ")"
                                 : name + column_list(table.columns);
  RowSum sum;
  TRY(session.copy_out("COPY " + source + " TO STDOUT WITH (FORMAT text, ENCODING " +
                           quote_text(table.encoding) + ")",
                       [&](ByteView row) -> Result<void> {
                         sum.add(row);
                         return {};
                       }));
  return sum.receipt();
}

}  // namespace

Result<void> check_receipts(const Staging& staging, const std::vector<Object>& expected) {
  const auto staged = receipts_of_tables(staging);
  for (const Object& object : expected) {
    if (!is_table(object)) continue;
    const auto found = staged.find(object.name);
    TRY(compare(object, found == staged.end() ? Receipt{0, 0} : found->second));
  }
  return {};
}

Result<void> check_catalog(Staging& staging, const BackupSchema& schema,
                           const std::vector<Object>& expected) {
  const auto rows = TRY(staging.control().query(
      "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
      " WHERE c.relkind IN ('r', 'p', 'f') AND n.nspname NOT IN ('information_schema', $1)"
      " AND n.nspname NOT LIKE 'pg\\_%' AND NOT EXISTS (SELECT FROM pg_depend d WHERE"
      " d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')",
      {staging.schema()}));
  std::set<std::string> there;
  for (const Row& row : rows) there.insert(display_qualified(row.text(0), row.text(1)));
  std::set<std::string> missing;
  std::set<std::string> known;
  for (const BackupTable& table : schema.tables) {
    known.insert(display_qualified(table.schema, table.name));
    if (table.of_extension) known.erase(display_qualified(table.schema, table.name));
  }
  std::set_difference(known.begin(), known.end(), there.begin(), there.end(),
                      std::inserter(missing, missing.end()));
  if (!missing.empty()) return fail(corrupt("tables are missing: " + listed(missing)));
  for (const Object& object : expected) known.insert(object.name);
  std::set<std::string> added;
  std::set_difference(there.begin(), there.end(), known.begin(), known.end(),
                      std::inserter(added, added.end()));
  if (!added.empty()) return fail(corrupt("tables that the backup has not: " + listed(added)));
  const auto indexes = TRY(staging.control().query(
      "SELECT n.nspname, c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
      " JOIN pg_namespace n ON n.oid = c.relnamespace"
      " WHERE NOT i.indisvalid AND c.relkind = 'i'"));
  std::set<std::string> invalid;
  for (const Row& row : indexes) {
    invalid.insert(display_qualified(row.text(0), row.text(1)));
  }
  if (!invalid.empty()) return fail(corrupt("indexes are invalid: " + listed(invalid)));
  return {};
}

Result<void> read_back(Staging& staging, const std::vector<TableToRead>& tables, unsigned readers,
                       const std::stop_token& stop) {
  pipeline::FirstError failure;
  const auto following = failure.follow(stop);
  pipeline::WorkerPool pool(std::max(readers, 1U), 1, failure);
  for (const TableToRead& one : tables) {
    TRY(pool.submit([&]() -> Result<void> {
      Staging::Loan session = TRY(staging.borrow(failure.token()));
      const Receipt found = TRY_DURING("read the table " + base::printable(one.expected.name),
                                       read_table(*session, one.table, one.partitioned));
      session.give_back();
      return compare(one.expected, found);
    }));
  }
  return pool.finish();
}

}  // namespace stillpoint::database::postgresql

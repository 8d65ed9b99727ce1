// SPDX-License-Identifier: Apache-2.0
#include "layer/scalardb/tables.h"

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <map>
#include <string_view>

#include "base/text.h"

namespace stillpoint::layer::scalardb {
namespace {

constexpr std::size_t metadata_rows_max = 1'000'000;

struct Column {
  std::string name = {};
  std::string key = {};  // "PARTITION", "CLUSTERING"
  int position = 0;
};

bool has(const std::vector<Column>& columns, std::initializer_list<std::string_view> names) {
  return std::all_of(names.begin(), names.end(), [&](std::string_view name) {
    return std::any_of(columns.begin(), columns.end(),
                       [&](const Column& column) { return column.name == name; });
  });
}

Result<Table> table_of(const std::string& full_name, std::vector<Column> columns) {
  const std::size_t dot = full_name.find('.');
  if (dot == std::string::npos || dot == 0 || dot + 1 == full_name.size()) {
    return fail(Errc::corrupt, "the metadata has a table that is called \"{}\"",
                base::printable(full_name));
  }
  std::sort(columns.begin(), columns.end(),
            [](const Column& a, const Column& b) { return a.position < b.position; });
  Table table;
  table.name_space = full_name.substr(0, dot);
  table.name = full_name.substr(dot + 1);
  for (const char* kind : {"PARTITION", "CLUSTERING"}) {
    for (const Column& column : columns) {
      if (column.key == kind) table.keys.push_back(column.name);
    }
  }
  table.transactional = has(columns, {"tx_id", "tx_version", "tx_prepared_at"});
  table.coordinator = table.name == "state" && !table.transactional &&
                      has(columns, {"tx_id", "tx_state", "tx_created_at"});
  table.group_commit = table.coordinator && has(columns, {"tx_child_ids"});
  return table;
}

}  // namespace

std::string stored_name(const database::RowSource& database, const std::string& name_space,
                        const std::string& table) {
  if (database.kind() == "sqlite") return database.table_name("", name_space + "$" + table);
  return database.table_name(name_space, table);
}

Result<std::vector<Table>> read_tables(database::RowSource& database,
                                       const std::string& system_namespace) {
  const auto rows = TRY(database.look_up(
      stored_name(database, system_namespace, "metadata"),
      {"full_table_name", "column_name", "key_type", "ordinal_position"}, metadata_rows_max));
  return tables_of(rows);
}

Result<std::vector<Table>> tables_of(const std::vector<database::Values>& rows) {
  std::map<std::string, std::vector<Column>> columns;
  for (const database::Values& row : rows) {
    Column column{row[1].value_or(""), row[2].value_or(""), 0};
    const std::string position = row[3].value_or("0");
    std::from_chars(position.data(), position.data() + position.size(), column.position);
    columns[row[0].value_or("")].push_back(std::move(column));
  }
  std::vector<Table> tables;
  for (auto& [name, its] : columns) tables.push_back(TRY(table_of(name, std::move(its))));
  return tables;
}

}  // namespace stillpoint::layer::scalardb

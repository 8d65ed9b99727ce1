// SPDX-License-Identifier: Apache-2.0
#include "database/sqlite/inventory.h"

#include "base/text.h"
#include "database/names.h"

namespace stillpoint::database::sqlite {
Result<std::vector<Object>> list_objects(Connection& connection) {
  std::vector<Object> objects;
  const auto add = [&](const Row& row) -> Result<void> {
    const bool is_virtual = row.text(0) == "table" && row.number(2) == 0;  // it has no pages
    objects.push_back({.kind = is_virtual ? "virtual table" : row.text(0), .name = row.text(1)});
    return {};
  };
  TRY_DURING(
      "list the tables",
      connection.for_each("SELECT type, name, rootpage FROM sqlite_schema ORDER BY rowid", add));
  return objects;
}

Result<void> count_rows(Connection& connection, std::vector<Object>& objects,
                        const std::stop_token& stop) {
  connection.obey(stop);
  for (Object& object : objects) {
    if (object.kind != "table" && object.kind != "virtual table") continue;
    if (stop.stop_requested()) return fail(Errc::cancelled, "stopped on request");
    auto rows = connection.number("SELECT count(*) FROM " + in_quotes(object.name, '"'));
    if (rows) {
      object.rows = static_cast<std::uint64_t>(*rows);
    } else if (object.kind == "table" || rows.error().code == Errc::cancelled) {
      return fail(
          std::move(rows.error()).during("count the rows of " + base::printable(object.name)));
    }
  }
  return {};
}

Result<std::string> schema_text(Connection& connection) {
  std::string text;
  const auto add = [&](const Row& row) -> Result<void> {
    text += row.text(0) + ";\n";
    return {};
  };
  TRY_DURING("read the schema",
             connection.for_each("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND "
                                 "name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY rowid",
                                 add));
  return text;
}

}  // namespace stillpoint::database::sqlite

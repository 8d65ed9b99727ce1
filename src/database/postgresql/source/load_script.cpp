// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/source/load_script.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "database/postgresql/source/ranges.h"

namespace stillpoint::database::postgresql {
namespace {

bool has_line_break(const std::string& name) {
  return name.find_first_of("\r\n") != std::string::npos;
}

// psql's \copy is one line: for as long as it runs, names with line breaks are others.
struct Renaming {
  Table table;  // as \copy may name it
  std::vector<std::string> before;
  std::vector<std::string> after;
};

Renaming rename(const LoadPart& part) {
  Renaming renaming{*part.through, {}, {}};
  Table& table = renaming.table;
  table.columns = part.table->columns;
  const auto change = [&](const std::string& on, const std::string& what, const std::string& from,
                          const std::string& to) {
    renaming.before.push_back("ALTER " + on + " RENAME " + what + quote_name(from) + " TO " +
                              quote_name(to) + ";");
    renaming.after.insert(
        renaming.after.begin(),
        "ALTER " + on + " RENAME " + what + quote_name(to) + " TO " + quote_name(from) + ";");
  };
  if (has_line_break(table.schema)) {
    const std::string name = "stillpoint loads";
    renaming.before.push_back("ALTER SCHEMA " + quote_name(table.schema) + " RENAME TO " +
                              quote_name(name) + ";");
    renaming.after.push_back("ALTER SCHEMA " + quote_name(name) + " RENAME TO " +
                             quote_name(table.schema) + ";");
    table.schema = name;
  }
  if (has_line_break(table.name)) {
    const std::string name = "stillpoint loads";
    renaming.before.push_back("ALTER TABLE " + table.quoted() + " RENAME TO " + quote_name(name) +
                              ";");
    renaming.after.insert(renaming.after.begin(), "ALTER TABLE " +
                                                      quote_qualified(table.schema, name) +
                                                      " RENAME TO " + quote_name(table.name) + ";");
    table.name = name;
  }
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (!has_line_break(table.columns[i])) continue;
    const std::string name = fmt::format("stillpoint loads {}", i);
    change("TABLE " + table.quoted(), "COLUMN ", table.columns[i], name);
    table.columns[i] = name;
  }
  return renaming;
}

}  // namespace

std::string load_script(const std::vector<LoadPart>& parts,
                        const std::vector<SequenceValue>& sequences, const std::string& encoding,
                        bool large_objects) {
  std::string script =
      "-- Loads the rows. Run in the folder that holds this backup's folders schema and data:\n"
      "--   psql -f schema/pre-data.sql -f schema/load.sql -f schema/post-data.sql DATABASE\n"
      "\\set ON_ERROR_STOP on\n"
      "SET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\n"
      "SET search_path = '';\nSET row_security = off;\nSET DateStyle = 'ISO';\n"
      "SET IntervalStyle = 'postgres';\nSET xmloption = 'content';\nSET array_nulls = on;\n"
      "SET lc_monetary = 'C';\n\n";
  if (encoding == "SQL_ASCII") script.replace(script.find("UTF8"), 4, "SQL_ASCII");
  for (const LoadPart& part : parts) {
    const Renaming renamed = rename(part);
    for (const std::string& sql : renamed.before) script += sql + "\n";
    script += "\\copy " + renamed.table.quoted() + column_list(renamed.table.columns) + " from '" +
              part.path + "' with (encoding " + quote_text(encoding) + ")\n";
    for (const std::string& sql : renamed.after) script += sql + "\n";
  }
  script += "\n";
  for (const SequenceValue& value : sequences) {
    script +=
        fmt::format("SELECT pg_catalog.setval({}, {}, {});\n", quote_text(value.sequence->quoted()),
                    value.last_value, value.called ? "true" : "false");
  }
  if (large_objects) {
    script +=
        "\n-- The contents of the large objects are not SQL: afterwards, run\n"
        "--   pg_restore -d DATABASE data/large_objects.dump\n";
  }
  return script;
}

}  // namespace stillpoint::database::postgresql

// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/target/whereabouts.h"

#include <vector>

namespace stillpoint::database::mysql {

Result<std::set<std::string>> tables_in(Connection& session, const std::string& schema) {
  const std::vector<Row> rows =
      TRY(session.query("SELECT table_name FROM information_schema.tables WHERE table_schema = " +
                        quote_text(schema) + " AND table_type <> 'VIEW'"));
  std::set<std::string> names;
  for (const Row& row : rows) names.insert(row.text(0));
  return names;
}

Result<bool> Whereabouts::has(const std::string& schema, const std::string& name) {
  if (!known_.contains(schema)) known_[schema] = TRY(tables_in(session_, schema));
  return known_[schema].contains(name);
}

}  // namespace stillpoint::database::mysql

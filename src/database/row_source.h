// SPDX-License-Identifier: Apache-2.0
// Rows to look at, wherever they are: of a live database (database.h), or as a backup has them
// (stored_rows.h).
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "database/watch.h"

namespace stillpoint::database {

class RowSource {
 public:
  virtual ~RowSource() = default;
  virtual std::string kind() const = 0;  // "sqlite"
  // How a table is named here, among the objects and everywhere else; without a schema where the
  // kind has none.
  virtual std::string table_name(const std::string& schema, const std::string& table) const = 0;
  // Rows of a small table as it is now, without order: these columns of it. `not_found` where there
  // is no such table or column; `invalid` where there are more rows than that.
  virtual Result<std::vector<Values>> look_up(const std::string& table,
                                              const std::vector<std::string>& columns,
                                              std::size_t rows_max) = 0;
  // From now on every row of these tables is shown, once in all, when it is read. `not_found` as
  // above.
  virtual Result<void> watch(std::vector<Watch> watches) = 0;
};

}  // namespace stillpoint::database

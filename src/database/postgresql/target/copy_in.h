// SPDX-License-Identifier: Apache-2.0
// Rows of the backup into a staged table.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "database/postgresql/target/staging.h"
#include "database/row_sum.h"
#include "database/target.h"

namespace stillpoint::database::postgresql {

struct CopyTable {
  std::string schema = {};  // as it is staged
  std::string name = {};
  std::vector<std::string> columns = {};
  std::string encoding = {};  // of the rows: "UTF8"
  // The part is the whole table, and nobody else has put rows in: they can be written as if they
  // had been vacuumed already.
  bool freeze = false;
};

// `path` is noted as done in the transaction that puts its rows in: exactly once.
Result<std::unique_ptr<Target::StagedPart>> copy_in(Staging& staging, const CopyTable& table,
                                                    const std::string& path, std::uint64_t bytes,
                                                    const std::stop_token& stop);

}  // namespace stillpoint::database::postgresql

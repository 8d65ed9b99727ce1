// SPDX-License-Identifier: Apache-2.0
// How a table is cut into parts, and the statement that reads one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "database/mysql/source/inventory.h"

namespace stillpoint::database::mysql {

// Rows of a table: of a partition, and of a range of its key.
struct RowRange {
  std::string partition = {};
  std::string condition = {};  // "`id` >= 4096 AND `id` < 8192"; empty: all
  std::uint64_t bytes = 0;     // an estimate
};

// Disjoint and complete for the session's snapshot, and the same as long as the rows are. Whole
// numbers are cut at multiples of powers of two, wherever the rows are, so that new rows move few
// limits; other keys at every so many rows. At most 64 for each partition.
Result<std::vector<RowRange>> row_ranges(Connection& session, const Table& table,
                                         std::uint64_t part_bytes = 64 * limits::MiB);

// In the order of the key, so that the same rows give the same bytes.
std::string select_sql(const Table& table, const RowRange& range);

}  // namespace stillpoint::database::mysql

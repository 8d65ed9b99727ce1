// SPDX-License-Identifier: Apache-2.0
// How a table is cut into parts, and what reads one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "database/postgresql/source/inventory.h"

namespace stillpoint::database::postgresql {

// Pages of a table's file, from `first` up to `end` (not included); without `end` to its end,
// wherever that is by then.
struct PageRange {
  std::uint64_t first = 0;
  std::optional<std::uint64_t> end = {};
  bool whole() const { return first == 0 && !end; }
};

// Cut at the same pages from one backup to the next, so that what did not change is found again:
// at multiples of a power of two that grows with the table (at most 64 parts) and shrinks where its
// large values make the pages heavy. One range where the server cannot seek in tables (before 14)
// or only some of the rows are wanted.
std::vector<PageRange> page_ranges(const Table& table, int server_version);

// COPY … TO STDOUT of these pages, in the database's own encoding.
std::string copy_sql(const Table& table, const PageRange& range, const std::string& encoding);

}  // namespace stillpoint::database::postgresql

// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/source/ranges.h"

#include <fmt/format.h>

#include "base/limits.h"
#include "base/text.h"

namespace stillpoint::database::postgresql {
namespace {

constexpr std::uint64_t parts_max = 64;
constexpr std::uint64_t pages_usual = 8192;  // 64 MiB of pages of 8 KiB
constexpr std::uint64_t pages_min = 64;
constexpr std::uint64_t part_bytes_wanted = 512 * limits::MiB;

}  // namespace

std::vector<PageRange> page_ranges(const Table& table, int server_version) {
  const bool seekable = server_version >= 140000 && table.heap && table.condition.empty();
  if (!seekable || table.pages == 0) return {{}};
  std::uint64_t pages = pages_usual;
  // Large values are stored elsewhere: some tables are mostly that.
  while (pages > pages_min && table.bytes / table.pages * pages > part_bytes_wanted) pages /= 2;
  while ((table.pages + pages - 1) / pages > parts_max) pages *= 2;
  std::vector<PageRange> ranges;
  for (std::uint64_t first = 0; first < table.pages; first += pages) {
    ranges.push_back({first, first + pages});
  }
  ranges.back().end.reset();
  return ranges;
}

std::string copy_sql(const Table& table, const PageRange& range, const std::string& encoding) {
  const std::string to = " TO STDOUT (ENCODING " + quote_text(encoding) + ")";
  if (range.whole() && table.condition.empty()) {
    return "COPY " + table.quoted() + column_list(table.columns) + to;
  }
  std::string where = table.condition;
  if (!range.whole()) {
    where = fmt::format("WHERE ctid >= '({},0)'", range.first);
    if (range.end) where += fmt::format(" AND ctid < '({},0)'", *range.end);
  }
  return "COPY (SELECT " + quote_names(table.columns) + " FROM ONLY " + table.quoted() + " " +
         where + ")" + to;
}

}  // namespace stillpoint::database::postgresql

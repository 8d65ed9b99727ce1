// SPDX-License-Identifier: Apache-2.0
#include "database/stored_rows.h"

#include <algorithm>
#include <cstring>

#include "base/limits.h"
#include "base/text.h"

namespace stillpoint::database {
namespace {

// Rows that are cut anywhere, put together again.
class Lines {
 public:
  explicit Lines(FieldPicker picker) : picker_(std::move(picker)) {}

  Result<void> add(ByteView bytes) {
    while (!bytes.empty()) {
      const void* end = std::memchr(bytes.data(), '\n', bytes.size());
      if (end == nullptr) {
        base::append(rest_, bytes);
        return {};
      }
      const auto size = static_cast<std::size_t>(static_cast<const Byte*>(end) - bytes.data()) + 1;
      TRY(line(bytes.first(size)));
      bytes = bytes.subspan(size);
    }
    return {};
  }
  Result<void> finish() const {
    if (rest_.empty()) return {};
    return fail(Errc::corrupt, "the last row has no end");
  }

 private:
  Result<void> line(ByteView bytes) {
    if (rest_.empty()) return picker_.row(bytes);
    base::append(rest_, bytes);
    const Result<void> shown = picker_.row(rest_);
    rest_.clear();
    return shown;
  }

  FieldPicker picker_;
  Bytes rest_;
};

}  // namespace

std::string StoredRows::table_name(const std::string& schema, const std::string& table) const {
  const auto found = std::find_if(tables_.begin(), tables_.end(), [&](const StoredTable& one) {
    return one.schema == schema && one.name == table;
  });
  return found == tables_.end() ? schema + "." + table : found->shown;
}

Result<const StoredTable*> StoredRows::find(const std::string& table) const {
  const auto found = std::find_if(tables_.begin(), tables_.end(),
                                  [&](const StoredTable& one) { return one.shown == table; });
  if (found != tables_.end()) return &*found;
  return fail(Errc::not_found, "the backup has no table {}", base::printable(table));
}

Result<std::vector<Values>> StoredRows::look_up(const std::string& table,
                                                const std::vector<std::string>& columns,
                                                std::size_t rows_max) {
  std::vector<Values> rows;
  const Watch watch{table, columns, [&](std::span<const Value> values) -> Result<void> {
                      if (rows.size() == rows_max) {
                        return fail(Errc::invalid, "{} has more than {} rows",
                                    base::printable(table), rows_max);
                      }
                      rows.emplace_back(values.begin(), values.end());
                      return {};
                    }};
  TRY(show_table(watch, {}));
  return rows;
}

Result<void> StoredRows::watch(std::vector<Watch> watches) {
  for (const Watch& watch : watches) {
    const StoredTable* table = TRY(find(watch.table));
    TRY(positions_of(watch.columns, table->columns, watch.table));
  }
  watches_ = std::move(watches);
  return {};
}

Result<void> StoredRows::show(std::stop_token stop) {
  for (const Watch& watch : watches_) TRY(show_table(watch, stop));
  return {};
}

Result<void> StoredRows::show_table(const Watch& watch, std::stop_token stop) const {
  const StoredTable* table = TRY(find(watch.table));
  for (const std::string& path : table->paths) {
    Lines lines(FieldPicker(watch, TRY(positions_of(watch.columns, table->columns, watch.table))));
    TRY_DURING(path, parts_.read(path, [&](ByteView bytes) { return lines.add(bytes); }, stop));
    TRY_DURING(path, lines.finish());
  }
  return {};
}

Result<std::string> read_stored_part(const StoredParts& parts, const std::string& path,
                                     std::stop_token stop) {
  constexpr std::size_t bytes_max = 256 * limits::MiB;
  std::string text;
  const auto add = [&](ByteView bytes) -> Result<void> {
    if (text.size() + bytes.size() > bytes_max) return fail(Errc::corrupt, "it is far too long");
    text += base::text_of(bytes);
    return {};
  };
  TRY_DURING(path, parts.read(path, add, stop));
  return text;
}

}  // namespace stillpoint::database

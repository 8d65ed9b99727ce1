// SPDX-License-Identifier: Apache-2.0
// The rows of a database as a backup has them, without a server: of kinds whose rows are stored as
// lines of text. (Of SQLite the file itself is stored, and can be opened.)
#pragma once

#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "database/row_source.h"

namespace stillpoint::database {

struct StoredTable {
  std::string schema = {};
  std::string name = {};
  std::string shown = {};                 // as Database::table_name() has it
  std::vector<std::string> columns = {};  // of the rows, in their order
  std::vector<std::string> paths = {};    // of the parts with its rows
};

// What of a backup is read for that: parts below the database's folder.
struct StoredParts {
  std::vector<std::string> paths = {};
  // Shows the bytes of one, in order.
  std::function<Result<void>(const std::string& path,
                             const std::function<Result<void>(ByteView)>& piece,
                             std::stop_token stop)>
      read = {};
};

// One thread.
class StoredRows final : public RowSource {
 public:
  StoredRows(std::string kind, std::vector<StoredTable> tables, StoredParts parts)
      : kind_(std::move(kind)), tables_(std::move(tables)), parts_(std::move(parts)) {}

  std::string kind() const override { return kind_; }
  std::string table_name(const std::string& schema, const std::string& table) const override;
  Result<std::vector<Values>> look_up(const std::string& table,
                                      const std::vector<std::string>& columns,
                                      std::size_t rows_max) override;
  Result<void> watch(std::vector<Watch> watches) override;
  // All rows of all that is watched; nothing else is read.
  Result<void> show(std::stop_token stop);

 private:
  Result<const StoredTable*> find(const std::string& table) const;
  Result<void> show_table(const Watch& watch, std::stop_token stop) const;

  const std::string kind_;
  const std::vector<StoredTable> tables_;
  const StoredParts parts_;
  std::vector<Watch> watches_;
};

// A small part as a whole.
Result<std::string> read_stored_part(const StoredParts& parts, const std::string& path,
                                     std::stop_token stop);

}  // namespace stillpoint::database

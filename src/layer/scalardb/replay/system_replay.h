// SPDX-License-Identifier: Apache-2.0
// The replay (replay.h) over the databases of a system, wherever their rows are: which tables are
// ScalarDB's, by its own metadata, and which records the findings are about.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/guarded.h"
#include "database/row_source.h"
#include "layer/scalardb/replay/replay.h"
#include "layer/scalardb/tables.h"

namespace stillpoint::layer::scalardb {

// One thread, but for the watches. In this order.
class SystemReplay {
 public:
  explicit SystemReplay(ReplayOptions options) : replay_(std::move(options)) {}

  // Looks for the tables of a database. None of its own is an error only where none has any.
  Result<void> examine(const std::string& member, database::RowSource& rows,
                       const std::vector<std::string>& metadata_namespaces);
  // What is to be seen of it.
  std::vector<database::Watch> watches(const std::string& member, const database::RowSource& rows);
  // Once all rows of all databases have been seen.
  Result<ReplayReport> judge();
  // A second look at the same rows, after judge(): it finds what the suspects are called. None
  // where nothing is suspected.
  std::vector<database::Watch> names_wanted(const std::string& member,
                                            const database::RowSource& rows);
  // "record 7 of bank.accounts, transaction 4f…", by record_hash(); after the second look.
  std::map<std::uint64_t, std::string> names() const;

  bool any_coordinator() const;

 private:
  struct Placed {
    std::string member = {};
    Table table = {};
    std::string shown() const { return table.name_space + "." + table.name; }
  };

  Replay replay_;
  std::vector<Placed> tables_;
  std::vector<std::uint64_t> wanted_;  // sorted
  base::Guarded<std::map<std::uint64_t, std::string>> names_;
};

}  // namespace stillpoint::layer::scalardb

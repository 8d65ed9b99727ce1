// SPDX-License-Identifier: Apache-2.0
// A look at some columns of every row of a table while a backup reads it: nothing is read twice.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace stillpoint::database {

// As the database shows it; none: null.
using Value = std::optional<std::string_view>;
using Values = std::vector<std::optional<std::string>>;

struct Watch {
  std::string table = {};  // as it is named among the objects
  std::vector<std::string> columns = {};
  // By several threads at once. The values are valid during the call; an error ends the backup.
  std::function<Result<void>(std::span<const Value> values)> row = {};
};

// Where these columns stand among those of a table, `all`; `not_found` where one does not.
Result<std::vector<std::size_t>> positions_of(const std::vector<std::string>& columns,
                                              const std::vector<std::string>& all,
                                              const std::string& table);

// The values of some columns in a row of text: fields between tabs, a line feed at the end, \N for
// nulls, and backslashes before what is meant otherwise (COPY's and LOAD DATA's). One thread.
class FieldPicker {
 public:
  // `positions`: of the columns in the row, in the order in which they are wanted.
  FieldPicker(const Watch& watch, std::vector<std::size_t> positions);
  Result<void> row(ByteView line);

 private:
  struct Wanted {
    std::size_t position = 0;
    std::size_t number = 0;  // in the watch
  };
  Value value_of(std::string_view field, std::size_t number);

  const Watch& watch_;
  std::vector<Wanted> wanted_;  // by position
  std::vector<Value> values_;
  std::vector<std::string> unescaped_;  // where a value cannot be shown as it stands
};

}  // namespace stillpoint::database

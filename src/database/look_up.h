// SPDX-License-Identifier: Apache-2.0
// Database::look_up() of the kinds that are servers.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/text.h"
#include "database/watch.h"

namespace stillpoint::database {

// "SELECT a, b FROM t", whose rows all come as texts.
template <class Connection>
Result<std::vector<Values>> look_up(Connection& session, const std::string& select,
                                    const std::string& table, std::size_t columns,
                                    std::size_t rows_max) {
  session.limit(base::Deadline(std::chrono::seconds(30)));
  const auto rows = session.query(select + " LIMIT " + std::to_string(rows_max + 1));
  session.unlimit();
  if (!rows) return fail(Error(rows.error()).during("look up " + base::printable(table)));
  if (rows->size() > rows_max) {
    return fail(Errc::invalid, "{} has more than {} rows", base::printable(table), rows_max);
  }
  std::vector<Values> all;
  for (const auto& row : *rows) {
    Values& values = all.emplace_back();
    for (std::size_t i = 0; i < columns; ++i) {
      values.push_back(row.is_null(i) ? std::nullopt : std::optional<std::string>(row.text(i)));
    }
  }
  return all;
}

}  // namespace stillpoint::database

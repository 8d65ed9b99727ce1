// SPDX-License-Identifier: Apache-2.0
// Rows as LOAD DATA reads them: fields between tabs, a line feed after each row, \N for nulls, and
// \t, \n, \\ and \0 for those bytes within a value. All other bytes are as they are stored: in
// the column's own character set.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "database/mysql/session/connection.h"
#include "database/mysql/source/inventory.h"

namespace stillpoint::database::mysql {

// Appends a row; the result's session has character_set_results = binary.
void append_row(Bytes& to, const Cells& row);
// One value, escaped.
void append_value(Bytes& to, std::string_view value);

// What SELECT is given so that the values' texts lose nothing. A table without columns of its own
// gives one null a row.
std::string select_list(const Table& table);

// What follows the table's name in LOAD DATA: the format, the columns, and for those that do not
// take their text as bytes, what makes the value of it.
std::string load_format(const Table& table, bool mariadb);

}  // namespace stillpoint::database::mysql

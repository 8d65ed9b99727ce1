// SPDX-License-Identifier: Apache-2.0
// What a server's or libmariadb's error means to us.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace stillpoint::database::mysql {

// Numbers that the code acts upon (the servers' manuals list all).
inline constexpr unsigned er_no_such_table = 1146;
inline constexpr unsigned er_unknown_table = 1109;
inline constexpr unsigned er_bad_schema = 1049;
inline constexpr unsigned er_lock_wait_timeout = 1205;
inline constexpr unsigned er_interrupted = 1317;
inline constexpr unsigned er_statement_timeout = 1969;
inline constexpr unsigned er_table_def_changed = 1412;
inline constexpr unsigned er_view_invalid = 1356;
inline constexpr unsigned er_too_many_connections = 1040;
inline constexpr unsigned er_no_such_user = 1449;
inline constexpr unsigned er_gtid_unsafe = 1785;

// Of an error number with its text; values of rows that the text quotes are cut out of it.
Error error_of_number(unsigned number, std::string_view text);

// A connection that is lost or never came.
bool is_loss(unsigned number);

}  // namespace stillpoint::database::mysql

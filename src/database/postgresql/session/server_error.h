// SPDX-License-Identifier: Apache-2.0
// What a server's or libpq's error means to us.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

struct pg_result;

namespace stillpoint::database::postgresql {

// Of the five characters that PostgreSQL's manual lists in its appendix A.
Error error_of_state(std::string_view state, std::string message);
// Of a failed result: message and detail of the server, except where they quote data of a row.
Error error_of_result(const pg_result* result);
// Of a failed connection attempt: libpq's text with SQLSTATEs in it (PQERRORS_VERBOSE).
Error error_of_connecting(std::string_view text);
// Of a session that broke.
Error error_of_loss(std::string_view text);
// One line of several.
std::string one_line(std::string_view text);

}  // namespace stillpoint::database::postgresql

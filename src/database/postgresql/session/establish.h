// SPDX-License-Identifier: Apache-2.0
// How a session begins: where to, with which password, and which settings it gets.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "database/postgresql/session/session.h"

namespace stillpoint::database::postgresql {

// libpq's keywords with their values; of equal ones the last counts.
using Keywords = std::vector<std::pair<std::string, std::string>>;

// The keywords that lead to where this session is: its host, port, user, database, TLS.
Keywords keywords_of(const pg_conn* connection);
// Those of them that are secret, except the password: that of a client's key.
Keywords secrets_of(const pg_conn* connection);
// Connects. The value of the first "dbname" may be a URL. `time_max` holds for each host.
Result<void> establish(Session& session, Keywords keywords, base::Duration time_max);
// The settings that every session gets.
std::string settings_sql(int server_version, const std::string& server_encoding);

}  // namespace stillpoint::database::postgresql

// SPDX-License-Identifier: Apache-2.0
// URLs of PostgreSQL databases: libpq's URIs (chapter "Connection Strings" of its manual).
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace stillpoint::database::postgresql {

// `invalid` unless libpq takes it and every part of it is what it seems to be: a password with an
// unencoded / or @ would make a piece of it a host's name, which appears in errors. The error never
// contains any of the URL.
Result<void> check_url(std::string_view url);

// The URL without passwords; of a URL that check_url() refuses, the scheme only.
std::string shown_url(std::string_view url);

// The database that the URL names; empty where it leaves it to libpq (service file, PGDATABASE,
// the user's name).
std::string database_of(std::string_view url);

// The same server, another database.
std::string with_database(std::string_view url, std::string_view database);

}  // namespace stillpoint::database::postgresql

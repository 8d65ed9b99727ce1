// SPDX-License-Identifier: Apache-2.0
// How a session begins: as whom, with which password, and which settings it gets.
#pragma once

#include <string>

#include "base/result.h"
#include "database/address.h"
#include "database/mysql/session/session.h"

namespace stillpoint::database::mysql {

// The password comes from the address's file or command, else from the URL, else from the URL's
// defaults-file, else from MYSQL_PWD, else from ~/.my.cnf; the user from the URL, else from those
// files, else it is ours.
Result<Login> login_of(const Address& address);

// The settings that every session gets.
std::string settings_sql(bool mariadb, unsigned version);

}  // namespace stillpoint::database::mysql

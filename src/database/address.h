// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"
#include "base/secret.h"

namespace stillpoint::database {

// Where a database is, and how to be let in.
struct Address {
  std::string url = {};               // there may be a password in it: print Kind::shown() of it
  std::string password_file = {};     // its first line is the password
  std::string password_command = {};  // prints the password on its first line
};

// What the file or the command gives; empty where neither is named.
Result<base::Secret> password_of(const Address& address);

}  // namespace stillpoint::database

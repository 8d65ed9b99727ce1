// SPDX-License-Identifier: Apache-2.0
// URLs of MySQL and MariaDB servers: mysql://user[:password]@host[:port]/schema?name=value&…
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace stillpoint::database::mysql {

enum class Tls {
  preferred,        // where the server has it
  disabled,         // never
  required,         // or fail; whoever the server is
  verify_identity,  // and its certificate is of that host, by a known authority
};

struct Location {
  std::string user = {};
  std::string password = {};
  std::string host = {};  // empty with a socket
  unsigned port = 3306;
  std::string socket = {};                // socket=/run/mysqld/mysqld.sock
  std::vector<std::string> schemas = {};  // of the path, and schemas=a,b; empty: all of the users'
  Tls tls = Tls::preferred;               // ssl-mode=
  std::string ssl_ca = {};
  std::string ssl_cert = {};
  std::string ssl_key = {};
  std::string defaults_file = {};      // defaults-file=: user and password of its [client]
  bool lock_nontransactional = false;  // lock_nontransactional=1
  std::string suffix = {};             // suffix=_new: a restore's schemas get it
  bool with_users = false;             // users=1: accounts and privileges, too
};

// `invalid` for what is no such URL or names an unknown parameter; the error contains no password.
Result<Location> parse_url(std::string_view url);

// The URL without its password; of one that cannot be read, the scheme only.
std::string shown_url(std::string_view url);

// Where a drill stages: the same schemas, with a suffix.
std::string scratch_url(std::string_view url, const std::string& path);

}  // namespace stillpoint::database::mysql

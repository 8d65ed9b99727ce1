// SPDX-License-Identifier: Apache-2.0
// JDBC URLs, as ScalarDB's contact points are, in our words.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace stillpoint::layer::scalardb {

// The URL that Stillpoint takes for the same database. User and password, where the JDBC URL has
// any, win over `user` and `password`. `unsupported` for other products and for URLs that name
// several servers, with what to do; `invalid` for what is no such URL. No error contains a
// password.
//
//   jdbc:postgresql://db1:5433/bank?ssl=true    →
//   postgresql://app:…@db1:5433/bank?sslmode=verify-full jdbc:mariadb://db2/ →
//   mysql://app:…@db2:3306/ jdbc:sqlite:/srv/bank.db?busy_timeout=10000 → sqlite:///srv/bank.db
Result<std::string> url_of_jdbc(std::string_view jdbc, const std::string& user,
                                const std::string& password);

}  // namespace stillpoint::layer::scalardb

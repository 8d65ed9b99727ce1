// SPDX-License-Identifier: Apache-2.0
// JDBC URLs, as ScalarDB's contact points are, in our words.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace stillpoint::layer::scalardb {

// The URL that Stillpoint takes for the same database. User and password, where the JDBC URL has
// any, win over `user` and `password`. `unsupported` for other products and for URLs that name
// several servers, with what to do; `invalid` for what is no such URL. No error contains a
// password.
//
//   jdbc:postgresql://db1:5433/bank?ssl=true →
//     postgresql://app:…@db1:5433/bank?sslmode=verify-full
//   jdbc:mariadb://db2/shop → mysql://app:…@db2/
//   jdbc:sqlite:/srv/bank.db?busy_timeout=10000 → sqlite:///srv/bank.db
//
// On MySQL and MariaDB ScalarDB's namespaces are schemas of their own, whatever schema the URL
// names: all of the server's.
Result<std::string> url_of_jdbc(std::string_view jdbc, const std::string& user,
                                const std::string& password);

// The product of a JDBC URL that Stillpoint does not know: "Oracle Database"; none where it does,
// or where it is no such URL.
std::optional<std::string> other_product(std::string_view jdbc);

// Which database one of our URLs names: the same text for the same database, whatever user and
// parameters stand in it.
std::string identity_of_url(const std::string& url);

}  // namespace stillpoint::layer::scalardb

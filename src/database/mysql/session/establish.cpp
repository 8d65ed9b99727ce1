// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/session/establish.h"

#include <cstdlib>
#include <filesystem>

#include <pwd.h>
#include <unistd.h>

#include "database/mysql/session/client_defaults.h"

namespace stillpoint::database::mysql {
namespace {

std::string home_file() {
  const char* home = std::getenv("HOME");
  return home == nullptr ? "" : std::string(home) + "/.my.cnf";
}

std::string our_user() {
  const passwd* user = ::getpwuid(::geteuid());
  return user == nullptr ? "" : user->pw_name;
}

}  // namespace

Result<Login> login_of(const Address& address) {
  Login login;
  login.location = TRY(parse_url(address.url));
  Location& location = login.location;
  std::optional<std::string> password;
  if (!location.password.empty()) password = location.password;
  location.password.clear();
  const base::Secret given = TRY(password_of(address));
  if (!given.reveal().empty()) password = std::string(given.reveal());
  login.user = location.user;
  const auto take = [&](const ClientDefaults& defaults) {
    if (login.user.empty() && defaults.user) login.user = *defaults.user;
    if (!password && defaults.password) password = *defaults.password;
  };
  if (!location.defaults_file.empty()) {
    take(TRY_DURING("read the defaults-file of the URL",
                    read_client_defaults(location.defaults_file)));
  }
  const char* environment = std::getenv("MYSQL_PWD");
  if (!password && environment != nullptr) password = environment;
  std::error_code ignored;
  if ((!password || login.user.empty()) && std::filesystem::exists(home_file(), ignored)) {
    // Nobody has named it: one that cannot be read is as good as none.
    if (const auto defaults = read_client_defaults(home_file())) take(*defaults);
  }
  if (login.user.empty()) login.user = our_user();
  login.password = std::make_shared<const base::Secret>(password.value_or(""));
  return login;
}

std::string settings_sql(bool mariadb, unsigned version) {
  // A server may wait for us as long as a repository takes for what was read before.
  std::string sql =
      "SET NAMES utf8mb4;"
      "SET SESSION sql_mode = '', time_zone = '+00:00', lc_messages = 'en_US', autocommit = 1,"
      " sql_select_limit = 18446744073709551615, sql_big_selects = 1, sql_safe_updates = 0,"
      " sql_quote_show_create = 1, net_read_timeout = 86400, net_write_timeout = 86400,"
      " wait_timeout = 86400, interactive_timeout = 86400, lock_wait_timeout = 60;"
      "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ;"
      "SET SESSION TRANSACTION READ WRITE;";
  if (mariadb) {
    sql +=
        "SET SESSION max_statement_time = 0, idle_transaction_timeout = 0,"
        " idle_readonly_transaction_timeout = 0, idle_write_transaction_timeout = 0";
  } else {
    // Zero: statistics come from the tables, and none are written down on the way.
    sql += "SET SESSION max_execution_time = 0, information_schema_stats_expiry = 0";
    if (version >= 80030) sql += ", show_gipk_in_create_table_and_information_schema = ON";
  }
  return sql;
}

}  // namespace stillpoint::database::mysql

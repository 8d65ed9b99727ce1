// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/session/server_error.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/text.h"

namespace stillpoint::database::mysql {
namespace {

struct Meaning {
  unsigned number;
  Errc code;
  std::string_view advice;
};

constexpr std::string_view trust =
    "on the server, run SET GLOBAL log_bin_trust_function_creators = 1: with a binary log, it "
    "trusts nobody else to make such triggers and functions";
constexpr std::string_view again = "run the same command again";
constexpr std::string_view packet =
    "raise max_allowed_packet of the server: a row is larger than it";

constexpr std::array<Meaning, 54> meanings = {{
    {1044, Errc::denied, "grant the user the missing right"},
    {1045, Errc::denied, "check the user and the password (URL, password file, ~/.my.cnf)"},
    {1142, Errc::denied, "grant the user the missing right"},
    {1143, Errc::denied, "grant the user the missing right"},
    {1227, Errc::denied, "grant the user the missing right"},
    {1370, Errc::denied, "grant the user the missing right"},
    {1418, Errc::denied, trust},
    {1419, Errc::denied, trust},
    {1698, Errc::denied, "check the user: it may come over the socket only"},
    {1862, Errc::denied, "the password has expired: set a new one"},
    {3118, Errc::denied, "the account is locked"},
    {4151, Errc::denied, "the account is locked or its password has expired"},
    {1129, Errc::denied, "on the server, run FLUSH HOSTS"},
    {1130, Errc::denied, "create the user for the host that we come from"},
    {1290, Errc::denied, "the server runs with an option that forbids it (read_only?)"},
    {1792, Errc::denied, "the transaction is read-only"},
    {1836, Errc::denied, "the server is read-only: is it a replica?"},
    {1040, Errc::unavailable,
     "the server has no free connection: use fewer readers, or raise max_connections"},
    {1203, Errc::unavailable,
     "the user has no free connection: use fewer readers, or raise max_user_connections"},
    {1226, Errc::unavailable, "the user's limit is reached: raise it with ALTER USER"},
    {1042, Errc::unavailable, "check that the server runs and accepts connections there"},
    {1043, Errc::unavailable, again},
    {1053, Errc::unavailable, "the server is shutting down: run the same command again"},
    {1077, Errc::unavailable, again},
    {1152, Errc::unavailable, again},
    {1158, Errc::unavailable, again},
    {1159, Errc::unavailable, again},
    {1160, Errc::unavailable, again},
    {1161, Errc::unavailable, again},
    {1184, Errc::unavailable, again},
    {1927, Errc::unavailable, "somebody ended the session (KILL): run the same command again"},
    {1317, Errc::unavailable, "somebody cancelled it (KILL QUERY): run the same command again"},
    {1969, Errc::busy, "max_statement_time ended it"},
    {3024, Errc::busy, "max_execution_time ended it"},
    {1205, Errc::busy, "wait until the lock is free, or end the session that holds it"},
    {1213, Errc::busy, again},
    {1223, Errc::busy, again},
    {3572, Errc::busy, again},
    {1412, Errc::unavailable, "a table was altered meanwhile: run the same command again"},
    {1020, Errc::unavailable, again},
    {1049, Errc::not_found, "check the name of the schema"},
    {1109, Errc::not_found, ""},
    {1146, Errc::not_found, ""},
    {1305, Errc::not_found, ""},
    {1360, Errc::not_found, ""},
    {1539, Errc::not_found, ""},
    {1007, Errc::already_exists, ""},
    {1050, Errc::already_exists, ""},
    {1021, Errc::no_space, "free some space on the server, and run the same command again"},
    {1114, Errc::no_space, "free some space on the server, or raise the table's limit"},
    {1153, Errc::unsupported, packet},
    {2020, Errc::unsupported, packet},
    {1034, Errc::corrupt, "the table's files are damaged: REPAIR it, or restore a backup"},
    {1194, Errc::corrupt, "the table's files are damaged: REPAIR it, or restore a backup"},
}};

// Texts of these quote values of rows.
constexpr std::array<unsigned, 12> quoting = {1062, 1292, 1366, 1367, 1411, 1525,
                                              1526, 1557, 1586, 3140, 4025, 1859};

// "Duplicate entry 'x' for key 'k'" becomes "Duplicate entry … for key 'k'".
std::string without_value(std::string_view text) {
  const std::size_t first = text.find('\'');
  if (first == std::string_view::npos) return std::string(text);
  // A value may have quotes of its own: what follows it begins with "' for ".
  std::size_t end = text.rfind("' for ");
  if (end == std::string_view::npos || end <= first) end = text.rfind('\'');
  return std::string(text.substr(0, first)) + "…" + std::string(text.substr(end + 1));
}

}  // namespace

bool is_loss(unsigned number) {
  constexpr std::array<unsigned, 12> lost = {1053, 1077, 1152, 1158, 1159, 1160,
                                             1161, 1927, 2006, 2013, 2055, 4031};
  return std::find(lost.begin(), lost.end(), number) != lost.end();
}

Error error_of_number(unsigned number, std::string_view text) {
  std::string message(text.substr(0, text.find('\n')));
  const bool quotes = std::find(quoting.begin(), quoting.end(), number) != quoting.end();
  if (quotes) message = without_value(message);
  if (message.empty()) message = "the connection is lost";
  if (number != 0) message += fmt::format(" [{}]", number);
  const auto* found = std::find_if(meanings.begin(), meanings.end(),
                                   [&](const Meaning& one) { return one.number == number; });
  if (found != meanings.end()) return {found->code, std::move(message), std::string(found->advice)};
  if (number == 2026) {
    return {Errc::denied, std::move(message),
            "check ssl-mode and ssl-ca of the URL, and the server's certificate"};
  }
  if (number == 2002 || number == 2003 || number == 2005) {
    return {Errc::unavailable, std::move(message),
            "check that the server runs and accepts connections there"};
  }
  if (number == 2006 || number == 2013 || number == 2055) {
    return {Errc::unavailable, std::move(message),
            "see the server's log for why, and run the same command again"};
  }
  if (number >= 2000 && number < 2100) return {Errc::unavailable, std::move(message), ""};
  return {Errc::invalid, std::move(message), ""};
}

}  // namespace stillpoint::database::mysql

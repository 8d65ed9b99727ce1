// SPDX-License-Identifier: Apache-2.0
// Changes in statements that the server has printed, so that they make the same elsewhere: in
// another schema, on a table with another name, for another definer. What stands in strings,
// comments and bodies stays as it is.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace stillpoint::database::mysql {

// Every `from`. becomes `to`. For what the server prints itself (tables, views), where every name
// is in backquotes.
std::string with_schemas(std::string_view statement,
                         const std::map<std::string, std::string>& names);

// CREATE TRIGGER of that name on that table, without the schemas that its author may have written,
// and without FOLLOWS and PRECEDES: the order of making says it.
std::string with_trigger_on(std::string_view create, std::string_view trigger,
                            std::string_view table);

// Of "CREATE … DEFINER=`app`@`10.%` …": the account, in the parts of its name.
struct Account {
  std::string user = {};
  std::string host = {};
};
std::string quote_account(const Account& account);  // 'app'@'10.%'
std::optional<Account> definer_of(std::string_view create);
std::string without_definer(std::string_view create);

// CREATE EVENT of one that does not run.
std::string with_event_disabled(std::string_view create);

}  // namespace stillpoint::database::mysql

// SPDX-License-Identifier: Apache-2.0
// How what a restore makes beside a schema is named and marked, so that it is found again by who
// goes on with it or clears up.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace stillpoint::database::mysql {

// One schema of a backup, and what it is called on the way. All four are names on the server.
struct Place {
  std::string from = {};    // in the backup
  std::string to = {};      // what it is to become
  std::string staged = {};  // where it is until then
  std::string kept = {};    // where the old one will be; set by the switch
};

// In the journal, as JSON.
struct StagingMark {
  std::string backup = {};  // its id
  std::string since = {};
  std::vector<Place> places = {};
  bool ready = false;     // complete and verified: nothing is missing but the switch
  bool in_place = false;  // staged == to: the schema was empty before
  bool tables = false;    // single tables of a schema that exists
};
std::string text_of(const StagingMark& mark);
std::optional<StagingMark> mark_of(std::string_view text);

// "shop_stillpoint_0123456789abcdef" and "shop_before_20261121T083000Z"; the end of a long name
// gives way, since a name has at most 64 characters.
std::string staging_name(std::string_view schema, std::string_view token);
std::string kept_name(std::string_view schema, base::Time time);
// Whether these functions make such a name of that schema.
bool is_staging_name(std::string_view name, std::string_view schema);
bool is_kept_name(std::string_view name, std::string_view schema);
// Of any schema: its token, or empty.
std::string token_of(std::string_view staging_name);

// What a table is called while the switch is under way: the prefix, and a number.
std::string hidden_prefix(std::string_view token, std::string_view side);
std::string hidden_name(std::string_view token, std::string_view side, std::size_t number);

// The table in which a restore notes what it has done, in the first of its staging schemas; in the
// target itself it ends with the token.
inline constexpr std::string_view journal_name = "stillpoint_journal";
// The name of the server's lock that a restore holds as long as it is alive.
std::string lock_name(std::string_view token);

}  // namespace stillpoint::database::mysql

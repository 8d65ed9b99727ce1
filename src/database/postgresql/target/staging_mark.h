// SPDX-License-Identifier: Apache-2.0
// How what a restore makes beside a database is named and marked, so that it is found again by who
// goes on with it or clears up.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace stillpoint::database::postgresql {

// The application_name of a restore's sessions. Who finds none in a staging database knows that its
// restorer is dead.
inline constexpr std::string_view restorer_name = "stillpoint restore";

// The comment on what is staged, as JSON.
struct StagingMark {
  std::string of = {};      // the database that it is to become, or to be put in
  std::string backup = {};  // its id
  std::string since = {};
  bool ready = false;     // complete and verified: nothing is missing but the switch
  bool in_place = false;  // the whole database was empty before
};
std::string text_of(const StagingMark& mark);
std::optional<StagingMark> mark_of(std::string_view comment);

// "bank_stillpoint_0123456789abcdef" and "bank_before_20261121T083000Z"; the end of a long name
// gives way, since PostgreSQL takes 63 bytes.
std::string staging_name(std::string_view database, std::string_view token);
std::string kept_name(std::string_view database, base::Time time);
// Whether these functions make such a name of that database.
bool is_staging_name(std::string_view name, std::string_view database);
bool is_kept_name(std::string_view name, std::string_view database);

// The schema of a restore's own tables, and of the staged ones of a restore of single tables.
std::string staging_schema(std::string_view token);
bool is_staging_schema(std::string_view name);

}  // namespace stillpoint::database::postgresql

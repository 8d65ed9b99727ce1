// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <filesystem>

#include "base/helper.h"
#include "base/text.h"
#include "database/mysql/session/location.h"
#include "database/mysql/source/mysql_database.h"
#include "database/mysql/source/point_marker.h"
#include "database/mysql/target/leftovers.h"
#include "database/mysql/target/mysql_target.h"
#include "database/mysql/target/schema_switchover.h"
#include "database/postgresql/session/location.h"
#include "database/postgresql/source/point_marker.h"
#include "database/postgresql/source/postgresql_database.h"
#include "database/postgresql/target/database_switchover.h"
#include "database/postgresql/target/leftovers.h"
#include "database/postgresql/target/postgresql_target.h"
#include "database/sqlite/file_switchover.h"
#include "database/sqlite/hold.h"
#include "database/sqlite/leftovers.h"
#include "database/sqlite/location.h"
#include "database/sqlite/sqlite_database.h"
#include "database/sqlite/sqlite_target.h"
#include "database/target.h"

namespace stillpoint::database {
namespace {

Result<std::unique_ptr<PointMarker>> no_marker(const Address&) {
  return fail(Error{Errc::unsupported, "it has no log in which a restore point could be marked",
                    "back it up inside of a window: stillpoint hold ... -- stillpoint backup ..."});
}

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> table = {
      {"mysql",
       {"mysql", "mariadb"},
       mysql::open_database,
       mysql::open_target,
       mysql::shown_url,
       mysql::shown_url,
       mysql::scratch_url,
       mysql::open_switchover,
       mysql::leftovers,
       mysql::remove_leftover,
       mysql::stored_tables,
       mysql::open_marker},
      {"postgresql",
       {"postgresql", "postgres"},
       postgresql::open_database,
       postgresql::open_target,
       postgresql::shown_url,
       postgresql::shown_url,
       postgresql::scratch_url,
       postgresql::open_switchover,
       postgresql::leftovers,
       postgresql::remove_leftover,
       postgresql::stored_tables,
       postgresql::open_marker},
      {"sqlite",
       {"sqlite"},
       sqlite::open_database,
       sqlite::open_target,
       sqlite::shown_url,
       sqlite::whole_url,
       sqlite::scratch_url,
       sqlite::open_switchover,
       sqlite::leftovers,
       sqlite::remove_leftover,
       nullptr,
       no_marker},
  };
  return table;
}

tl::unexpected<Error> unknown(std::string_view what, std::string_view word,
                              const std::vector<std::string>& known) {
  const std::string meant = base::closest(word, known);
  return fail(Error{Errc::unsupported, std::string(what) + ": there is no such kind of database",
                    (meant.empty() ? "" : "did you mean '" + meant + "'? ") +
                        "known: " + base::join(known, ", ")});
}

// "sqlite" of "sqlite:///srv/bank.db"; empty for paths.
std::string_view scheme_of(std::string_view url) {
  const std::size_t colon = url.find(':');
  if (colon == std::string_view::npos || colon == 0) return {};
  const std::string_view scheme = url.substr(0, colon);
  const bool valid = std::all_of(scheme.begin(), scheme.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
  });
  return valid ? scheme : std::string_view{};
}

bool is_database_file(std::string_view path) {
  constexpr std::array<std::string_view, 3> endings = {".db", ".sqlite", ".sqlite3"};
  std::error_code error;
  const auto type = std::filesystem::status(path, error).type();
  return type == std::filesystem::file_type::regular ||
         std::any_of(endings.begin(), endings.end(),
                     [&](std::string_view ending) { return path.ends_with(ending); });
}

}  // namespace

void Object::add(const Receipt& receipt) {
  if (receipt.rows) rows = rows.value_or(0) + *receipt.rows;
  if (receipt.checksum) checksum = checksum.value_or(0) + *receipt.checksum;
}

Result<std::unique_ptr<Hold>> Database::prepare_hold(const std::vector<std::string>&,
                                                     base::Duration) {
  return fail(Error{Errc::unsupported, "hold writes to " + url() + ": this kind cannot",
                    "use a pause instead of the commit gate"});
}

Result<std::unique_ptr<Hold>> Database::hold_writes(const std::vector<std::string>& tables,
                                                    base::Deadline deadline,
                                                    base::Duration hold_max) {
  auto hold = TRY(prepare_hold(tables, hold_max));
  TRY(hold->take(deadline));
  return hold;
}

std::optional<int> run_as_helper(const base::HelperRole& role) {
  if (role.name != sqlite::hold_role) return std::nullopt;
  return sqlite::run_hold(role.words);
}

Result<std::string> Target::hand_over() {
  return fail(Error{Errc::unsupported, "switch several databases together: this kind cannot",
                    "restore one at a time: --database NAME"});
}

Result<const Kind*> kind_of(std::string_view url) {
  const std::string_view scheme = scheme_of(url);
  std::vector<std::string> known;
  for (const Kind& kind : kinds()) {
    for (const std::string_view other : kind.schemes) {
      if (scheme == other) return &kind;
      known.emplace_back(std::string(other) + ":");
    }
  }
  const bool is_url = url.substr(scheme.size()).starts_with("://");
  if (!is_url && is_database_file(url)) return kind_named("sqlite");
  // A URL is not printed whole: there may be a password in it.
  const std::string shown = scheme.empty() ? std::string(url) : std::string(scheme) + ":";
  return unknown("open " + shown, shown, known);
}

bool same_place(std::string_view one, std::string_view other) {
  const auto kind = kind_of(one);
  const auto other_kind = kind_of(other);
  return kind && other_kind && *kind == *other_kind &&
         (*kind)->identity(one) == (*kind)->identity(other);
}

Result<const Kind*> kind_named(std::string_view name) {
  std::vector<std::string> known;
  for (const Kind& kind : kinds()) {
    if (kind.name == name) return &kind;
    known.emplace_back(kind.name);
  }
  return unknown("find the kind of database '" + std::string(name) + "'", name, known);
}

}  // namespace stillpoint::database

// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/target/leftovers.h"

#include <algorithm>

#include "base/text.h"
#include "database/postgresql/session/location.h"
#include "database/postgresql/target/emptying.h"
#include "database/postgresql/target/maintenance.h"
#include "database/postgresql/target/staging.h"
#include "database/postgresql/target/staging_mark.h"

namespace stillpoint::database::postgresql {
namespace {

constexpr std::string_view drill_word = "_drill";

// A database, or a schema in the target.
struct Found {
  Leftover leftover;
  std::string schema = {};  // empty: the whole database
  bool in_place = false;
};

bool is_of(const StagingMark& mark, const std::string& target) {
  return mark.of == target || mark.of == target + std::string(drill_word);
}

// Of a restore or a drill that was killed before it could say so in a mark.
bool is_unmarked(const FoundDatabase& database, const std::string& target) {
  return database.comment.empty() &&
         (is_staging_name(database.name, target) ||
          is_staging_name(database.name, target + std::string(drill_word)));
}

Result<std::vector<Found>> databases(Maintenance& server) {
  std::vector<Found> found;
  const auto all = TRY(server.all());
  for (const FoundDatabase& database : all) {
    const auto mark = mark_of(database.comment);
    Found one;
    one.leftover.name = database.name;
    one.leftover.bytes = database.bytes;
    const std::string about =
        server.described(database.name) + " (" + base::display_bytes(database.bytes) + ")";
    if ((mark && is_of(*mark, server.target())) || is_unmarked(database, server.target())) {
      one.leftover.in_use = TRY(server.has_restorer(database));
      one.leftover.ready = mark && mark->ready;
      one.leftover.description =
          about + ", staged by a restore" + (one.leftover.ready ? " and ready to be switched" : "");
    } else if (!mark && is_kept_name(database.name, server.target())) {
      one.leftover.what = Leftover::What::kept;
      one.leftover.in_use = !TRY(server.users_of(database.name))
      .empty();
      one.leftover.description = about + ", replaced by a restore";
    } else {
      continue;
    }
    found.push_back(std::move(one));
  }
  return found;
}

Result<std::vector<Found>> schemas(Maintenance& server) {
  std::vector<Found> found;
  const auto database = TRY(server.find(server.target()));
  if (!database || !database->open) return found;
  const bool in_use = TRY(server.has_restorer(*database));
  Connection session = TRY(server.enter(server.target()));
  const auto staged = TRY(staged_schemas(session));
  for (const StagedSchema& schema : staged) {
    Found one;
    one.schema = schema.name;
    one.in_place = schema.mark.in_place;
    one.leftover.name = server.target() + "/" + schema.name;
    one.leftover.in_use = in_use;
    one.leftover.description = schema.mark.in_place
                                   ? "the content of " + server.described(server.target()) +
                                         ", which a restore in place has not completed"
                                   : "schema " + schema.name + " in " +
                                         server.described(server.target()) +
                                         ", with tables staged by a restore";
    const std::string bytes =
        TRY(session.value("SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c"
                          " WHERE c.relkind IN ('r', 'm') AND c.relnamespace = $1::regnamespace",
                          {quote_name(schema.name)}));
    one.leftover.bytes = schema.mark.in_place ? database->bytes : std::stoull(bytes);
    found.push_back(std::move(one));
  }
  return found;
}

Result<std::vector<Found>> find_all(Maintenance& server) {
  std::vector<Found> found = TRY(databases(server));
  std::vector<Found> inside = TRY(schemas(server));
  std::move(inside.begin(), inside.end(), std::back_inserter(found));
  return found;
}

Result<void> remove(Maintenance& server, const Found& found) {
  if (found.schema.empty()) {
    if (found.leftover.what == Leftover::What::staged) return server.drop(found.leftover.name);
    return server.session().execute("DROP DATABASE " + quote_name(found.leftover.name));
  }
  Connection session = TRY(server.enter(server.target()));
  if (found.in_place) return make_empty(session, found.schema);
  return session.execute("DROP SCHEMA " + quote_name(found.schema) + " CASCADE");
}

}  // namespace

Result<std::vector<Leftover>> leftovers(const Address& address) {
  Maintenance server = TRY(Maintenance::connect(address));
  const std::vector<Found> found = TRY(find_all(server));
  std::vector<Leftover> all;
  for (const Found& one : found) all.push_back(one.leftover);
  return all;
}

Result<void> remove_leftover(const Address& address, const Leftover& leftover) {
  Maintenance server = TRY(Maintenance::connect(address));
  const std::string removing = "remove " + leftover.description;
  const std::vector<Found> found = TRY_DURING(removing, find_all(server));
  const auto same = std::find_if(found.begin(), found.end(), [&](const Found& one) {
    return one.leftover.name == leftover.name && one.leftover.what == leftover.what;
  });
  if (same == found.end()) {
    return fail(Error{Errc::not_found, removing + ": it is not there any more, or not what it was",
                      "look again: stillpoint cleanup"});
  }
  if (same->leftover.in_use) {
    return fail(Error{Errc::busy, removing + ": somebody works with it", "end them first"});
  }
  TRY_DURING(removing, remove(server, *same));
  return {};
}

std::string scratch_url(std::string_view url, const std::string&) {
  return with_database(url, database_of(url) + std::string(drill_word));
}

}  // namespace stillpoint::database::postgresql

// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/target/leftovers.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "database/mysql/session/location.h"
#include "database/mysql/target/emptying.h"
#include "database/mysql/target/server.h"
#include "database/mysql/target/staging.h"
#include "database/mysql/target/switch.h"

namespace stillpoint::database::mysql {
namespace {

constexpr std::string_view drill_word = "_drill";

struct Found {
  Leftover leftover;
  std::optional<StagedRestore> staged = {};
  std::vector<std::string> schemas = {};
};

Result<std::vector<std::string>> all_schemas(Connection& session) {
  const std::vector<Row> rows =
      TRY(session.query("SELECT schema_name FROM information_schema.schemata ORDER BY 1"));
  std::vector<std::string> names;
  for (const Row& row : rows) names.push_back(row.text(0));
  return names;
}

// The schemas that the URL means; where it names none, all that anything is left of.
class Meant {
 public:
  explicit Meant(const Location& location) {
    for (const std::string& schema : location.schemas) {
      names_.push_back(schema + location.suffix);
      names_.push_back(schema + location.suffix + std::string(drill_word));
    }
  }
  bool is(const std::string& schema) const {
    return names_.empty() || std::find(names_.begin(), names_.end(), schema) != names_.end();
  }
  bool staged(const std::string& schema) const {
    if (names_.empty()) return !token_of(schema).empty();
    return std::any_of(names_.begin(), names_.end(),
                       [&](const std::string& name) { return is_staging_name(schema, name); });
  }
  bool kept(const std::string& schema) const {
    if (!names_.empty()) {
      return std::any_of(names_.begin(), names_.end(),
                         [&](const std::string& name) { return is_kept_name(schema, name); });
    }
    const std::size_t at = schema.rfind("_before_");
    return at != std::string::npos && at > 0 && is_kept_name(schema, schema.substr(0, at));
  }

 private:
  std::vector<std::string> names_;
};

std::string about(const StagedRestore& one, const RestoreServer& server) {
  std::string text = server.described(one.schema);
  if (one.mark && one.mark->in_place) {
    text = "the content of " + text + ", which a restore in place has not completed";
  } else {
    text += ", staged by a restore";
  }
  if (one.switching) {
    text +=
        " that was interrupted in the midst of its switch: to remove it puts the old tables "
        "back, or completes the switch where the new ones are in place";
  }
  return text;
}

Result<std::vector<Found>> find_all(RestoreServer& server, const Meant& meant) {
  Connection& session = server.session();
  const std::vector<std::string> schemas = TRY(all_schemas(session));
  std::vector<Found> found;
  const std::vector<StagedRestore> restores = TRY(staged_restores(session));
  std::set<std::string> needed;  // what a switch that was interrupted may have to put back
  for (const StagedRestore& one : restores) {
    needed.insert(one.keeps.begin(), one.keeps.end());
    const bool ours = one.mark ? std::any_of(one.mark->places.begin(), one.mark->places.end(),
                                             [&](const Place& place) { return meant.is(place.to); })
                               : meant.staged(one.schema);
    if (!ours) continue;
    Found each;
    each.staged = one;
    for (const std::string& schema : schemas) {
      if (token_of(schema) == one.token) each.schemas.push_back(schema);
    }
    const bool in_place = one.mark && one.mark->in_place;
    if (in_place) each.schemas = {one.schema};
    each.leftover.name = one.schema + (in_place ? "/" + one.token : "");
    each.leftover.in_use = one.alive;
    each.leftover.ready = one.mark && one.mark->ready;
    each.leftover.description = about(one, server);
    found.push_back(std::move(each));
  }
  for (const std::string& schema : schemas) {
    if (!meant.kept(schema)) continue;
    Found each;
    each.schemas = {schema};
    each.leftover.what = Leftover::What::kept;
    each.leftover.in_use = needed.contains(schema);
    each.leftover.name = schema;
    each.leftover.description = server.described(schema) + ", replaced by a restore";
    found.push_back(std::move(each));
  }
  for (Found& one : found) {
    const std::vector<RestoreServer::Found> sizes = TRY(server.schemas(one.schemas));
    for (const RestoreServer::Found& size : sizes) one.leftover.bytes += size.bytes;
    one.leftover.description += " (" + base::display_bytes(one.leftover.bytes) + ")";
  }
  return found;
}

Result<void> drop(Connection& session, const std::vector<std::string>& schemas) {
  // Several that are removed one after another may refer to one another.
  TRY(session.execute("SET SESSION foreign_key_checks = 0"));
  for (const std::string& schema : schemas) {
    TRY(session.execute("DROP DATABASE IF EXISTS " + quote_name(schema)));
  }
  return {};
}

Result<void> remove_staged(RestoreServer& server, const Found& found) {
  const StagedRestore& one = *found.staged;
  // Without a journal there is no more to it than the schemas.
  if (!one.mark) return drop(server.session(), found.schemas);
  const std::unique_ptr<Staging> staging =
      TRY(Staging::resume(server.session(), one.schema, one.token, {}));
  const std::optional<SwitchPlan> plan = TRY(Switch::begun(*staging));
  if (plan) {
    if (TRY(Switch::settle(*staging, *plan)) == Switch::Settled::completed) return {};
  }
  if (one.mark->in_place) {
    for (const Place& place : one.mark->places) {
      TRY(make_empty(staging->control(), place.to));
    }
  }
  return staging->remove();
}

}  // namespace

Result<std::vector<Leftover>> leftovers(const Address& address) {
  RestoreServer server = TRY(RestoreServer::connect(address, {}));
  const Meant meant(TRY(parse_url(address.url)));
  const std::vector<Found> found = TRY(find_all(server, meant));
  std::vector<Leftover> all;
  for (const Found& one : found) all.push_back(one.leftover);
  return all;
}

Result<void> remove_leftover(const Address& address, const Leftover& leftover) {
  RestoreServer server = TRY(RestoreServer::connect(address, {}));
  const Meant meant(TRY(parse_url(address.url)));
  const std::string removing = "remove " + leftover.description;
  const std::vector<Found> found = TRY_DURING(removing, find_all(server, meant));
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
  if (same->staged) {
    TRY_DURING(removing, remove_staged(server, *same));
  } else {
    TRY_DURING(removing, drop(server.session(), same->schemas));
  }
  return {};
}

}  // namespace stillpoint::database::mysql

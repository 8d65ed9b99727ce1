// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/target/mysql_target.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "database/mysql/session/location.h"
#include "database/mysql/target/emptying.h"
#include "database/mysql/target/rehearsal.h"
#include "database/mysql/target/schema_switchover.h"
#include "database/mysql/target/table_target.h"

namespace stillpoint::database::mysql {
namespace {

constexpr const char* rehearsed_step = "rehearsed";
constexpr const char* left_out_step = "left out";

bool overlap(const std::vector<Place>& a, const std::vector<Place>& b) {
  return std::any_of(a.begin(), a.end(), [&](const Place& one) {
    return std::any_of(b.begin(), b.end(), [&](const Place& other) { return other.to == one.to; });
  });
}

bool same_places(const std::vector<Place>& a, const std::vector<Place>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Place& x, const Place& y) {
    return x.from == y.from && x.to == y.to;
  });
}

}  // namespace

Result<void> LoadingTarget::connect(const std::stop_token& stop) {
  if (server_) {
    server_->session().obey(stop);
    // It may have been idle for hours, and cut meanwhile.
    const Result<void> alive = server_->session().execute("DO 0");
    if (alive || alive.error().code == Errc::cancelled) return alive;
  }
  server_.reset();
  server_.emplace(TRY(RestoreServer::connect(address_, stop)));
  return {};
}

std::string LoadingTarget::doing() const {
  return "restore to " + (server_ ? server_->place() : std::string("MySQL"));
}

Result<Existing> LoadingTarget::inspect() {
  TRY(connect());
  const Location location = TRY(parse_url(address_.url));
  std::vector<std::string> names = location.schemas;
  for (std::string& name : names) name += location.suffix;
  if (names.empty()) {
    const Result<Inventory> all = take_inventory(server_->session(), {});
    if (!all && all.error().code != Errc::not_found) return fail(all.error());
    if (all) {
      for (const Schema& schema : all->schemas) names.push_back(schema.name);
    }
  }
  const std::vector<RestoreServer::Found> found = TRY(server_->schemas(names));
  Existing existing;
  std::vector<std::string> shown;
  for (const RestoreServer::Found& schema : found) {
    existing.bytes += schema.bytes;
    existing.exists = existing.exists || schema.tables > 0;
    shown.push_back(server_->described(schema.name));
  }
  existing.description =
      fmt::format("{} ({}, {})", base::join(shown, ", "), base::display_bytes(existing.bytes),
                  server_->session().version_text());
  return existing;
}

Result<std::unique_ptr<Target::StagedPart>> LoadingTarget::stage(const std::string& path,
                                                                 std::uint64_t bytes,
                                                                 std::stop_token stop) {
  if (!loader_) return fail(Errc::internal, "stage before prepare");
  return loader_->stage(path, bytes, stop);
}

MysqlTarget::~MysqlTarget() {
  (void)discard();
}

Result<void> MysqlTarget::prepare(const Content& content, std::stop_token stop) {
  TRY(connect(stop));
  loader_.emplace(content, options_);
  loader_->lay_out_by([this](const std::stop_token& token) { return lay_out(token); });
  const Location location = TRY(parse_url(address_.url));
  places_ = TRY_DURING(doing(), places_of(location, content));
  TRY_DURING(doing(), find_dead(content, stop));
  if (staging_) return {};
  TRY_DURING(doing(), server_->check(content));
  TRY_DURING(doing(), check_places());
  server_->session().obey({});
  return {};
}

Result<void> MysqlTarget::check_places() {
  if (!options_.in_place) {
    TRY(check_references(server_->session(), places_));
    old_definers_ = TRY(check_old(server_->session(), places_));
    return {};
  }
  for (const Place& place : places_) {
    const std::vector<RestoreServer::Found> found = TRY(server_->schemas({place.to}));
    if (found.empty()) {
      return fail(Error{Errc::not_found, server_->described(place.to) + " does not exist",
                        "create it; or leave out --in-place"});
    }
    const std::vector<std::string> content = TRY(contents_of(server_->session(), place.to));
    if (content.empty()) continue;
    return fail(
        Error{Errc::already_exists,
              server_->described(place.to) + " is not empty: there is " + base::join(content, ", "),
              "empty it; or leave out --in-place, to restore beside it and replace it"});
  }
  return {};
}

// Of restores that were killed, the one of this backup is gone on with on request; one that was in
// the midst of its switch has to be; others are left alone.
Result<void> MysqlTarget::find_dead(const Content& content, const std::stop_token& stop) {
  const std::vector<StagedRestore> all = TRY(staged_restores(server_->session()));
  for (const StagedRestore& found : all) {
    if (!found.mark || found.mark->tables || !overlap(found.mark->places, places_)) continue;
    TRY(look_into(found, content, stop));
  }
  return {};
}

Result<void> MysqlTarget::look_into(const StagedRestore& found, const Content& content,
                                    const std::stop_token& stop) {
  const StagingMark& mark = *found.mark;
  const bool same = mark.backup == content.backup && same_places(mark.places, places_) &&
                    mark.in_place == options_.in_place && !staging_;
  if (!options_.resume || !same) {
    const std::string where = server_->described(found.schema);
    if (found.switching && !found.alive) {
      return fail(Error{Errc::busy,
                        where + ": a restore was interrupted in the midst of its switch",
                        "go on with it with --resume, or undo it with stillpoint cleanup"});
    }
    if (mark.in_place && options_.in_place) {
      return fail(Error{Errc::already_exists, where + ": a restore in place was interrupted here",
                        "go on with it with --resume, or remove what it left with stillpoint "
                        "cleanup"});
    }
    if (found.alive) return {};
    log(LogLevel::warning,
        "{} is left from a restore that was interrupted: go on with it with --resume, or remove "
        "it with stillpoint cleanup",
        where);
    return {};
  }
  staging_ = TRY(Staging::resume(server_->session(), found.schema, found.token, stop));
  if (staging_->done(tables_step)) {
    loader_->resume(*staging_);
    return {};
  }
  // Without all tables there is nothing to go on with.
  return discard();
}

bool MysqlTarget::wants(const std::string& path) const {
  const bool schema = path.starts_with("schema/");
  return (schema || !ready()) && LoadingTarget::wants(path);
}

Result<Staging*> MysqlTarget::lay_out(const std::stop_token& stop) {
  TRY(connect(stop));
  if (!staging_) {
    if (!options_.no_owner) {
      TRY_DURING(doing(), check_definers(server_->session(), loader_->schema(), places_));
    }
    const std::string token = base::random_token();
    StagingMark mark;
    mark.backup = loader_->content().backup;
    mark.since = base::format_time(base::now());
    mark.in_place = options_.in_place;
    mark.places = places_;
    for (Place& place : mark.places) {
      place.staged = mark.in_place ? place.to : staging_name(place.to, token);
    }
    staging_ = TRY_DURING(doing(), Staging::begin(server_->session(), mark, token, stop));
    TRY_DURING(doing(), check_rights(stop));
    TRY_DURING(doing(), make_sequences(*staging_, loader_->schema(), options_.no_owner, stop));
  }
  loader_->tables() = loader_->all_tables(*staging_);
  return staging_.get();
}

Result<void> MysqlTarget::check_rights(const std::stop_token& stop) {
  const auto advised = [&](const Definers& definers, const std::string& advice) -> Result<void> {
    Result<void> tried = try_definers(*staging_, definers, stop);
    if (tried || tried.error().code != Errc::denied) return tried;
    tried.error().advice = "grant the user that right, or " + advice;
    return tried;
  };
  TRY(advised(old_definers_, "restore under another name with --to"));
  if (options_.no_owner) return {};
  return advised(definers_of(loader_->schema().definitions, false),
                 "restore with --no-owner: then all is defined by who restores");
}

Result<void> MysqlTarget::complete(std::stop_token stop) {
  if (!loader_ || !staging_) return fail(Errc::internal, "complete before prepare");
  if (ready()) return {};
  TRY_DURING(doing(), loader_->complete(stop));
  if (staging_->done(rehearsed_step)) return {};
  const std::vector<std::string> left_out =
      TRY_DURING(doing(), rehearse(*staging_, loader_->schema(), options_.no_owner, stop));
  TRY(staging_->keep(left_out_step, base::join(left_out, "\n")));
  return staging_->finished(rehearsed_step);
}

Result<void> MysqlTarget::verify(std::stop_token stop) {
  if (!loader_ || !staging_) return fail(Errc::internal, "verify before prepare");
  if (ready()) return {};
  TRY_DURING("check the restored schemas", loader_->verify(stop));
  staging_->mark().ready = true;
  return staging_->save_mark();
}

Result<void> MysqlTarget::fence() {
  if (!staging_) return fail(Errc::internal, "fence without data");
  TRY(connect());
  SwitchPlan plan = TRY(plan_of_switch());
  switch_ = TRY_DURING("replace " + server_->described(places_.front().to),
                       Switch::fence(*staging_, std::move(plan), options_.force));
  return {};
}

Result<SwitchPlan> MysqlTarget::plan_of_switch() {
  std::optional<SwitchPlan> begun = TRY(Switch::begun(*staging_));
  if (begun) return std::move(*begun);
  const std::string left_out = TRY(staging_->kept(left_out_step));
  PlanOptions options;
  options.no_owner = options_.no_owner;
  options.time = base::now();
  return TRY_DURING("plan the switch", make_plan(server_->session(), *staging_, loader_->schema(),
                                                 base::split(left_out, '\n'), options));
}

Result<std::string> MysqlTarget::hand_over() {
  if (options_.in_place) return Target::hand_over();
  if (!staging_) return fail(Errc::internal, "hand over without data");
  TRY(connect());
  const SwitchPlan plan = TRY(plan_of_switch());
  TRY_DURING("plan the switch", Switch::keep_plan(*staging_, plan));
  SchemaTicket ticket;
  ticket.journal = staging_->mark().places.front().staged;
  ticket.token = staging_->token();
  ticket.schema = places_.front().to;
  if (!plan.new_tables.empty()) {
    ticket.schema = plan.new_tables.front().schema;
    ticket.table = plan.new_tables.front().name;
  }
  for (const Place& place : plan.places) {
    if (!place.kept.empty()) ticket.kept.push_back(place.kept);
  }
  staging_.reset();
  return encode_ticket(ticket);
}

Result<std::string> MysqlTarget::swap() {
  if (!switch_) return fail(Errc::internal, "swap without fence");
  std::string kept =
      TRY_DURING("replace " + server_->described(places_.front().to), switch_->swap());
  staging_.reset();
  switch_.reset();
  return kept;
}

Result<void> MysqlTarget::unfence() {
  switch_.reset();
  return {};
}

Result<void> MysqlTarget::discard() {
  const bool needed = switch_ && switch_->unfinished();
  switch_.reset();
  const std::unique_ptr<Staging> staging = std::move(staging_);
  if (!staging || needed) return {};
  // A switch that somebody else began is theirs to complete or undo.
  const auto begun = Switch::begun(*staging);
  if (!begun || *begun) return {};
  if (staging->mark().in_place) {
    for (const Place& place : staging->mark().places) {
      TRY_DURING("empty " + display_name(place.to) + " again",
                 make_empty(staging->control(), place.to));
    }
  }
  return staging->remove();
}

Result<std::unique_ptr<Target>> open_target(const Address& address, const RestoreOptions& options) {
  TRY(parse_url(address.url));
  if (!options.tables.empty()) return std::make_unique<TableTarget>(address, options);
  return std::make_unique<MysqlTarget>(address, options);
}

}  // namespace stillpoint::database::mysql

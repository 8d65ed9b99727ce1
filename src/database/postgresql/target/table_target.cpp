// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/target/table_target.h"

#include <chrono>
#include <thread>

#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "database/postgresql/target/rights.h"

namespace stillpoint::database::postgresql {
namespace {

std::string staged_table_name(std::size_t number) {
  return "t" + std::to_string(number);
}

}  // namespace

TableTarget::~TableTarget() {
  (void)discard();
}

Result<void> TableTarget::prepare(const Content& content, std::stop_token stop) {
  TRY(connect(stop));
  mark_.of = server_->target();
  mark_.backup = content.backup;
  mark_.since = base::format_time(base::now());
  token_ = base::random_token();
  const auto database = TRY(server_->find(server_->target()));
  if (!database) {
    return fail(Error{Errc::not_found, doing() + ": there is no such database to add tables to",
                      "create it, or restore the whole database"});
  }
  TRY_DURING(doing(), check_version(*server_, content));
  chosen_ = TRY_DURING(doing(), chosen_tables(options_.tables, content.objects));
  TRY_DURING(doing(), look_for_dead(*database, stop));
  std::map<std::string, QualifiedName> places;
  for (std::size_t i = 0; i < chosen_.size(); ++i) {
    places[folder_of_table(chosen_[i].from)] = {staging_schema(token_), staged_table_name(i)};
  }
  loader_.emplace(content, options_);
  loader_->only(std::move(places));
  loader_->lay_out_by([this](const std::stop_token& token) { return lay_out(token); });
  return {};
}

// What a killed restore of tables has left: with --resume it makes room for this one.
Result<void> TableTarget::look_for_dead(const FoundDatabase& database,
                                        const std::stop_token& stop) {
  Connection session = TRY(server_->enter(database.name, stop));
  TRY(session.execute("SET application_name = 'stillpoint'"));
  const auto left = TRY(staged_schemas(session));
  for (const StagedSchema& schema : left) {
    if (schema.mark.in_place) {
      return fail(Error{Errc::busy, "a restore in place is not complete there",
                        "go on with it with --resume, or remove it with stillpoint cleanup"});
    }
    if (options_.resume && schema.mark.backup == mark_.backup) {
      TRY(wait_for_dead(database, stop));
      TRY(session.execute("DROP SCHEMA " + quote_name(schema.name) + " CASCADE"));
    } else if (!TRY(server_->has_restorer(database))) {
      log(LogLevel::warning,
          "{} has a schema {} left from a restore that was interrupted: remove it with stillpoint "
          "cleanup",
          server_->described(database.name), schema.name);
    }
  }
  return {};
}

Result<std::vector<TableBuilder>> TableTarget::builders_of(Connection& session) const {
  std::vector<TableBuilder> builders;
  for (std::size_t i = 0; i < chosen_.size(); ++i) {
    TablePlace place = TRY(place_table(session, chosen_[i], definitions_));
    builders.emplace_back(std::move(place),
                          QualifiedName{staging_schema(token_), staged_table_name(i)},
                          options_.no_owner);
  }
  return builders;
}

Result<Staging*> TableTarget::lay_out(const std::stop_token& stop) {
  definitions_ = TRY_DURING(doing(), parse_table_definitions(loader_->schema().tables_json));
  {
    Connection session = TRY(server_->enter(server_->target(), stop));
    builders_ = TRY_DURING(doing(), builders_of(session));
  }
  staging_ = TRY_DURING(doing(), Staging::begin(*server_, server_->target(), mark_, stop, token_));
  for (TableBuilder& builder : builders_) {
    TRY_DURING(doing(), builder.create(staging_->control(), loader_->schema().sequences));
  }
  return staging_.get();
}

Result<void> TableTarget::complete(std::stop_token stop) {
  if (!staging_) return fail(Errc::corrupt, "the backup's schema is not complete");
  staging_->control().obey(stop);
  for (TableBuilder& builder : builders_) {
    if (builder.place().table->row_security) {
      log(LogLevel::warning, "{}: its policies are not restored: see schema/post-data.sql",
          base::printable(display_qualified(builder.place().as.schema, builder.place().as.name)));
    }
    TRY_DURING(doing(), builder.finish(staging_->control()));
  }
  staging_->control().obey({});
  return {};
}

// Names may have been taken meanwhile.
Result<void> TableTarget::fence() {
  if (!staging_) return fail(Errc::internal, "fence without data");
  TRY_DURING(doing(), builders_of(staging_->control()));
  return {};
}

Result<void> TableTarget::put_in_place() {
  Connection& session = staging_->control();
  TRY(session.execute("SET synchronous_commit TO DEFAULT; SET lock_timeout = '5s'; BEGIN"));
  for (TableBuilder& builder : builders_) TRY(builder.put_in_place(session));
  for (TableBuilder& builder : builders_) TRY(builder.add_foreign_keys(session, builders_));
  TRY(session.execute("DROP SCHEMA " + quote_name(staging_->schema()) + " CASCADE"));
  return commit(session);
}

// A cut connection leaves open whether the server has committed: it is asked.
Result<void> TableTarget::commit(Connection& session) {
  const int process = session.server_process();
  const auto committed = session.execute("COMMIT");
  if (committed || (!session.last_state().empty() && session.usable())) return committed;
  const std::string schema = staging_->schema();
  const base::Deadline deadline(std::chrono::seconds(60));
  for (; !deadline.passed(); std::this_thread::sleep_for(std::chrono::milliseconds(50))) {
    if (!connect()) continue;
    auto other = server_->enter(server_->target());
    if (!other) continue;
    const auto found = other->row(
        "SELECT (SELECT count(*) FROM pg_stat_activity WHERE pid = $1::int AND application_name ="
        " $2), to_regnamespace($3) IS NULL",
        {std::to_string(process), std::string(restorer_name), quote_name(schema)});
    if (!found || found->number(0) != 0) continue;
    if (found->flag(1)) return {};
    return fail(Error(committed.error()).during("the tables were not put in their places"));
  }
  return fail(
      Error{Errc::unavailable,
            "the connection was lost in the moment of the switch, and the server does not "
            "tell whether it was made: " +
                committed.error().message,
            "look in the database: if the schema " + schema + " is there, it was not made"});
}

Result<std::string> TableTarget::swap() {
  if (!staging_) return fail(Errc::internal, "swap without data");
  TRY_DURING(doing(), put_in_place());
  const std::unique_ptr<Staging> done = std::move(staging_);
  if (done->control().usable()) {
    for (TableBuilder& builder : builders_) TRY(builder.validate_foreign_keys(done->control()));
  }
  return std::string();
}

Result<void> TableTarget::discard() {
  const std::unique_ptr<Staging> staging = std::move(staging_);
  if (!staging) return {};
  const std::string schema = staging->schema();
  staging->close();
  const std::string removing = "remove the schema " + schema;
  TRY_DURING(removing, connect());
  Connection session = TRY_DURING(removing, server_->enter(server_->target()));
  TRY_DURING(removing, session.execute("DROP SCHEMA IF EXISTS " + quote_name(schema) + " CASCADE"));
  return {};
}

}  // namespace stillpoint::database::postgresql

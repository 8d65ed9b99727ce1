// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/target/in_place_target.h"

#include "base/log.h"
#include "base/text.h"
#include "database/postgresql/target/emptying.h"
#include "database/postgresql/target/rights.h"

namespace stillpoint::database::postgresql {

InPlaceTarget::~InPlaceTarget() {
  (void)discard();
}

Result<void> InPlaceTarget::prepare(const Content& content, std::stop_token stop) {
  TRY(connect(stop));
  loader_.emplace(content, options_);
  loader_->lay_out_by([this](const std::stop_token& token) { return lay_out(token); });
  mark_.of = server_->target();
  mark_.backup = content.backup;
  mark_.since = base::format_time(base::now());
  mark_.in_place = true;
  const auto database = TRY(server_->find(server_->target()));
  if (!database) {
    return fail(Error{Errc::not_found, doing() + " in place: there is no such database",
                      "create it; or leave out --in-place"});
  }
  TRY_DURING(doing(), check_version(*server_, content));
  TRY_DURING(doing(), look_into(*database, content, stop));
  if (!staging_) TRY_DURING(doing(), check_room(*server_, content.bytes));
  return {};
}

Result<void> InPlaceTarget::look_into(const FoundDatabase& database, const Content& content,
                                      const std::stop_token& stop) {
  Connection session = TRY(server_->enter(database.name, stop));
  const auto left = TRY(staged_schemas(session));
  const bool ours = !left.empty() && left.front().mark.in_place;
  if (ours && options_.resume && left.front().mark.backup == content.backup) {
    TRY(session.execute("SET application_name = 'stillpoint'"));
    TRY(wait_for_dead(database, stop));
    staging_ = TRY(Staging::resume(*server_, database.name, stop));
    if (staging_ && staging_->done("pre-data")) {
      loader_->resume(*staging_);
      return {};
    }
    TRY(discard());
  }
  const std::vector<std::string> found = TRY(contents_of(session));
  if (!ours && found.empty()) return {};
  return fail(
      Error{Errc::already_exists,
            ours ? "a restore in place was interrupted here"
                 : "it is not empty: there is " + base::join(found, ", "),
            ours ? "go on with it with --resume, or remove what it left with stillpoint cleanup"
                 : "empty it; or leave out --in-place, to restore beside it and replace it"});
}

Result<Staging*> InPlaceTarget::lay_out(const std::stop_token& stop) {
  if (staging_) return staging_.get();
  const DatabaseSettings here = TRY(read_database_settings(server_->session(), server_->target()));
  const DatabaseSettings& backup = loader_->schema().database;
  if (here.encoding != backup.encoding) {
    log(LogLevel::warning, "{} has the encoding {}, and the backup {}",
        server_->described(server_->target()), here.encoding, backup.encoding);
  }
  DatabaseSettings none;
  if (!options_.no_owner) TRY_DURING(doing(), check_names(*server_, loader_->schema(), none));
  staging_ = TRY_DURING(doing(), Staging::begin(*server_, server_->target(), mark_, stop));
  TRY_DURING(doing(), remember_empty(staging_->control(), staging_->schema()));
  return staging_.get();
}

Result<std::string> InPlaceTarget::swap() {
  if (!staging_) return fail(Errc::internal, "swap without data");
  // The commit that makes all before it last.
  TRY_DURING(doing(), staging_->control().execute("SET synchronous_commit TO DEFAULT"));
  TRY_DURING(doing(), staging_->leave());
  staging_.reset();
  return std::string();
}

Result<void> InPlaceTarget::discard() {
  const std::unique_ptr<Staging> staging = std::move(staging_);
  if (!staging) return {};
  const std::string emptying = "empty " + server_->described(server_->target()) + " again";
  Connection session = TRY_DURING(emptying, server_->enter(staging->database()));
  const std::string schema = staging->schema();
  staging->close();
  TRY_DURING(emptying, make_empty(session, schema));
  return {};
}

}  // namespace stillpoint::database::postgresql

// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/target/postgresql_target.h"

#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "database/postgresql/session/location.h"
#include "database/postgresql/target/database_switchover.h"
#include "database/postgresql/target/in_place_target.h"
#include "database/postgresql/target/rights.h"
#include "database/postgresql/target/table_target.h"

namespace stillpoint::database::postgresql {
namespace {

void drop_owner(DatabaseSettings& settings) {
  settings.owner.clear();
  settings.privileges.reset();
  std::erase_if(settings.settings, [](const auto& setting) { return !setting.role.empty(); });
}

}  // namespace

PostgresqlTarget::~PostgresqlTarget() {
  (void)discard();
}

Result<void> PostgresqlTarget::prepare(const Content& content, std::stop_token stop) {
  TRY(connect(stop));
  loader_.emplace(content, options_);
  loader_->lay_out_by([this](const std::stop_token& token) { return lay_out(token); });
  mark_ = {server_->target(), content.backup, base::format_time(base::now()), false};
  TRY_DURING(doing(), check_rights(*server_, TRY(server_->find(server_->target()))));
  TRY_DURING(doing(), check_version(*server_, content));
  TRY_DURING(doing(), find_dead(content, stop));
  if (staged_.empty()) TRY_DURING(doing(), check_room(*server_, content.bytes));
  return {};
}

// Staging databases of restores that were killed: the one of this backup is gone on with on
// request; others are left alone.
Result<void> PostgresqlTarget::find_dead(const Content& content, const std::stop_token& stop) {
  const auto databases = TRY(server_->all());
  for (const FoundDatabase& database : databases) {
    const auto mark = mark_of(database.comment);
    if (!mark || mark->of != server_->target()) continue;
    const bool same = mark->backup == content.backup && staged_.empty();
    if (!options_.resume || !same) {
      if (TRY(server_->has_restorer(database))) continue;
      log(LogLevel::warning,
          "{} is left from a restore that was interrupted: go on with it with --resume, or remove "
          "it with stillpoint cleanup",
          server_->described(database.name));
      continue;
    }
    TRY(wait_for_dead(database, stop));
    mark_ = *mark;
    staged_ = database.name;
  }
  if (staged_.empty() || mark_.ready) return {};
  staging_ = TRY(Staging::resume(*server_, staged_, stop));
  if (staging_ && staging_->done("pre-data")) {
    loader_->resume(*staging_);
    return {};
  }
  // Without a whole schema there is nothing to go on with.
  staging_.reset();
  mark_.since = base::format_time(base::now());
  return server_->drop(std::exchange(staged_, {}));
}

bool PostgresqlTarget::wants(const std::string& path) const {
  return !mark_.ready && LoadingTarget::wants(path);
}

// The new database gets what the old one has; of the locale, only where the encoding is the same.
Result<DatabaseSettings> PostgresqlTarget::settings_wanted() {
  const DatabaseSettings& backup = loader_->schema().database;
  auto old = read_database_settings(server_->session(), server_->target());
  if (!old && old.error().code != Errc::not_found) return old;
  DatabaseSettings wanted = old ? std::move(*old) : backup;
  if (wanted.encoding != backup.encoding) {
    log(LogLevel::warning, "{} had the encoding {}: it gets {} with the locale of the backup",
        server_->described(server_->target()), wanted.encoding, backup.encoding);
    wanted.encoding = backup.encoding;
    wanted.provider = backup.provider;
    wanted.collate = backup.collate;
    wanted.ctype = backup.ctype;
    wanted.locale = backup.locale;
    wanted.icu_rules = backup.icu_rules;
  }
  if (options_.no_owner) drop_owner(wanted);
  return wanted;
}

Result<Staging*> PostgresqlTarget::lay_out(const std::stop_token& stop) {
  if (staging_) return staging_.get();
  DatabaseSettings settings = TRY(settings_wanted());
  if (!options_.no_owner) {
    TRY_DURING(doing(), check_names(*server_, loader_->schema(), settings));
  }
  TRY_DURING(doing(), create_staged(settings, stop));
  TRY_DURING(doing(), try_settings(settings));
  staging_ = TRY(Staging::begin(*server_, staged_, mark_, stop));
  return staging_.get();
}

Result<void> PostgresqlTarget::create_staged(const DatabaseSettings& settings,
                                             const std::stop_token& stop) {
  const std::string name = staging_name(server_->target(), base::random_token());
  const std::string quoted = quote_name(name);
  Connection& session = server_->session();
  session.obey(stop);
  staged_ = name;  // also where it is stopped in the midst of it
  Result<void> created =
      session.execute(create_statement(settings, name, session.server_version()));
  if (!created) {
    const bool locale = created.error().message.find("locale") != std::string::npos;
    return fail(std::move(created.error())
                    .during("make the database " + name)
                    .advise(locale ? "make that locale on the server (locale-gen, or the packages "
                                     "locales-all or libicu), and run the same command again"
                                   : ""));
  }
  TRY(session.execute("COMMENT ON DATABASE " + quoted + " IS " + quote_text(text_of(mark_))));
  // What others may not see in the old one they may not see here.
  if (settings.privileges) {
    TRY(session.execute("REVOKE CONNECT, TEMPORARY ON DATABASE " + quoted + " FROM PUBLIC"));
  }
  session.obey({});
  return {};
}

// They are set by the switch; whether they can be is better known before. Of what --no-owner may
// leave out, that which we may not set is left out.
Result<void> PostgresqlTarget::try_settings(DatabaseSettings& settings) {
  Connection& session = server_->session();
  const std::string what = "take over the settings of " + server_->described(server_->target());
  TRY(session.execute("BEGIN"));
  Result<void> outcome;
  if (options_.no_owner) {
    std::erase_if(settings.settings, [&](const DatabaseSettings::Setting& setting) {
      const auto set = session.execute("SAVEPOINT one; " + setting_statement(setting, staged_));
      if (set || set.error().code != Errc::denied) return false;
      log(LogLevel::warning, "{}: {} is left out: {}", what, setting.name, set.error().message);
      return session.execute("ROLLBACK TO SAVEPOINT one").has_value();
    });
  }
  for (const std::string& statement : settings_statements(settings, staged_)) {
    outcome = session.execute(statement);
    if (!outcome) break;
  }
  TRY(session.execute("ROLLBACK"));
  if (outcome) return {};
  Error error = std::move(outcome.error());
  if (error.code == Errc::denied) error.advice = "restore as a superuser, or with --no-owner";
  return fail(std::move(error).during(what));
}

Result<void> PostgresqlTarget::complete(std::stop_token stop) {
  return mark_.ready ? Result<void>() : LoadingTarget::complete(std::move(stop));
}

Result<void> PostgresqlTarget::verify(std::stop_token stop) {
  return mark_.ready ? Result<void>() : LoadingTarget::verify(std::move(stop));
}

Result<void> PostgresqlTarget::fence() {
  if (staged_.empty()) return fail(Errc::internal, "fence without data");
  TRY(connect());
  if (staging_) staging_->rest();
  switch_ = TRY_DURING("replace it", Switch::fence(*server_, options_.force));
  return {};
}

// Nothing but the switch is missing: whoever goes on with it after a kill needs to know.
Result<void> PostgresqlTarget::mark_ready() {
  mark_.ready = true;
  TRY(server_->session().execute("COMMENT ON DATABASE " + quote_name(staged_) + " IS " +
                                 quote_text(text_of(mark_))));
  if (staging_) TRY(staging_->leave());
  staging_.reset();
  // Somebody who looks into every database, like monitoring, has no business in this one.
  return server_->end_sessions(staged_);
}

// What the new database is to have besides its content: what the old one has.
Result<DatabaseSettings> PostgresqlTarget::settings_of(const std::optional<DatabaseSettings>& old) {
  DatabaseSettings settings;
  if (old) {
    settings = *old;
  } else if (loader_->schema().archive.descriptor() >= 0) {
    settings = loader_->schema().database;
  }
  if (options_.no_owner) {
    drop_owner(settings);
    TRY(try_settings(settings));
  }
  return settings;
}

Result<std::string> PostgresqlTarget::swap() {
  if (!switch_) return fail(Errc::internal, "swap without fence");
  const std::string replacing = "replace " + server_->described(server_->target());
  const DatabaseSettings settings = TRY(settings_of(switch_->old_settings()));
  TRY_DURING(replacing, mark_ready());
  const auto staged = TRY(server_->find(staged_));
  if (!staged) return fail(Errc::not_found, "{}: {} is gone", replacing, staged_);
  std::string kept = TRY_DURING(replacing, switch_->swap(*server_, *staged, settings));
  staged_.clear();
  switch_.reset();
  return kept;
}

Result<std::string> PostgresqlTarget::hand_over() {
  if (staged_.empty()) return fail(Errc::internal, "hand over without data");
  TRY(connect());
  if (staging_) staging_->rest();
  const auto old = TRY(server_->find(server_->target()));
  std::optional<DatabaseSettings> old_settings;
  if (old) old_settings = TRY(read_database_settings(server_->session(), old->name));
  DatabaseSettings settings = TRY(settings_of(old_settings));
  TRY_DURING("hand over " + server_->described(staged_), mark_ready());
  const auto staged = TRY(server_->find(staged_));
  if (!staged) return fail(Errc::not_found, "{} is gone", server_->described(staged_));
  DatabaseTicket ticket;
  ticket.target = server_->target();
  ticket.staged = staged_;
  ticket.kept = TRY(free_kept_name(*server_));
  ticket.mark = text_of(mark_);
  ticket.staged_oid = staged->oid;
  ticket.old_oid = old ? old->oid : 0;
  ticket.open = std::exchange(settings.allows_connections, true);
  ticket.settings = settings_statements(settings, ticket.target);
  staged_.clear();
  return encode_ticket(ticket);
}

Result<void> PostgresqlTarget::unfence() {
  switch_.reset();
  return {};
}

Result<void> PostgresqlTarget::discard() {
  switch_.reset();
  if (staging_) staging_->close();
  staging_.reset();
  const std::string staged = std::exchange(staged_, {});
  if (staged.empty()) return {};
  TRY_DURING("remove what was staged", connect());
  TRY_DURING("remove " + server_->described(staged), server_->drop(staged));
  return {};
}

Result<std::unique_ptr<Target>> open_target(const Address& address, const RestoreOptions& options) {
  TRY(check_url(address.url));
  if (!options.tables.empty()) return std::make_unique<TableTarget>(address, options);
  if (options.in_place) return std::make_unique<InPlaceTarget>(address, options);
  return std::make_unique<PostgresqlTarget>(address, options);
}

}  // namespace stillpoint::database::postgresql

// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/target/rehearsal.h"

#include <map>
#include <set>

#include "base/log.h"
#include "base/text.h"
#include "database/mysql/target/definition_maker.h"
#include "database/mysql/target/statement_text.h"

namespace stillpoint::database::mysql {
namespace {

MakingOptions beside(const Staging& staging, bool no_owner) {
  MakingOptions options;
  options.schemas = staging.schemas();
  options.no_owner = no_owner;
  options.events_sleep = true;
  return options;
}

bool may_be_left_out(const StoredDefinition& definition, const Error& error) {
  return definition.kind == "view" && (!definition.valid || error.code == Errc::not_found);
}

// "app@10.%", of what is there now.
Result<std::set<std::string>> definers_in(Connection& session, const std::vector<Place>& places) {
  std::vector<std::string> quoted;
  for (const Place& place : places) quoted.push_back(quote_text(place.to));
  const std::string in = " IN (" + base::join(quoted, ", ") + ")";
  const std::vector<Row> rows = TRY(session.query(
      "SELECT definer FROM information_schema.views WHERE table_schema" + in +
      " UNION SELECT definer FROM information_schema.triggers WHERE"
      " trigger_schema" +
      in +
      " UNION SELECT definer FROM information_schema.routines WHERE"
      " routine_schema" +
      in + " UNION SELECT definer FROM information_schema.events WHERE event_schema" + in));
  std::set<std::string> names;
  for (const Row& row : rows) names.insert(row.text(0));
  return names;
}

}  // namespace

Result<void> check_definers(Connection& session, const StoredSchema& schema,
                            const std::vector<Place>& places) {
  const std::set<std::string> named = TRY(definers_in(session, places));
  std::map<std::string, std::string> missing;  // account → what it defines
  for (const StoredDefinition& one : schema.definitions) {
    const auto definer = definer_of(one.text);
    if (!definer) continue;
    const auto known =
        session.query("SELECT 1 FROM mysql.user WHERE user = " + quote_text(definer->user) +
                      " AND host = " + quote_text(definer->host));
    if (!known && known.error().code != Errc::denied) return fail(known.error());
    if (!known) return {};
    if (known->empty() && !named.contains(definer->user + "@" + definer->host)) {
      missing.try_emplace(quote_account(*definer), base::printable(one.shown()));
    }
  }
  if (missing.empty()) return {};
  std::vector<std::string> shown;
  for (const auto& [account, what] : missing) shown.push_back(account + " (" + what + ")");
  return fail(Error{
      Errc::not_found,
      "the server lacks accounts that define what the backup holds: " + base::join(shown, ", "),
      "create them (with users=1 in the URL of a backup, its schema/users.sql says "
      "how), or restore with --no-owner: then it is yours"});
}

Definers definers_of(const std::vector<StoredDefinition>& definitions, bool old) {
  Definers all;
  for (const StoredDefinition& one : definitions) {
    const auto definer = definer_of(one.text);
    // A view that does not work is left out where it cannot be made; but to drop it takes rights.
    if (!definer || definer->host.empty() || (!old && !one.valid)) continue;
    all.try_emplace(quote_account(*definer), (old ? "the old " : "the ") + one.shown());
  }
  return all;
}

Result<void> try_definers(Staging& staging, const Definers& definers, const std::stop_token& stop) {
  if (definers.empty()) return {};
  Staging::Loan session = TRY(staging.borrow(stop));
  const std::string view =
      quote_qualified(staging.mark().places.front().staged, "stillpoint_trial");
  for (const auto& [account, what] : definers) {
    const Result<void> made =
        session->execute("CREATE OR REPLACE DEFINER = " + account + " SQL SECURITY INVOKER VIEW " +
                         view + " AS SELECT 1 AS one");
    if (!made) {
      return fail(Error(made.error()).during(base::printable(what + " is defined by " + account)));
    }
    TRY(session->execute("DROP VIEW " + view));
  }
  session.give_back();
  return {};
}

Result<std::vector<std::string>> rehearse(Staging& staging, const StoredSchema& schema,
                                          bool no_owner, const std::stop_token& stop) {
  const MakingOptions options = beside(staging, no_owner);
  std::vector<std::string> left_out;
  std::vector<std::string> drops;
  // Its settings change on the way: it is not given back.
  Staging::Loan session = TRY(staging.borrow(stop));
  for (const StoredDefinition& one : schema.definitions) {
    if (one.kind == "sequence") continue;
    const std::string drop = drop_sql(one, options.schemas.at(one.schema));
    // Of a rehearsal that was killed.
    TRY_DURING("make the " + base::printable(one.shown()), session->execute(drop));
    const Result<void> made = make_definition(*session, one, options);
    drops.push_back(drop);
    if (made) continue;
    if (!may_be_left_out(one, made.error())) return fail(made.error());
    log(LogLevel::warning, "the {} is left out: {}", base::printable(one.shown()),
        made.error().message);
    left_out.push_back(one.shown());
  }
  for (auto drop = drops.rbegin(); drop != drops.rend(); ++drop) TRY(session->execute(*drop));
  return left_out;
}

Result<void> make_sequences(Staging& staging, const StoredSchema& schema, bool no_owner,
                            const std::stop_token& stop) {
  const MakingOptions options = beside(staging, no_owner);
  Staging::Loan session = TRY(staging.borrow(stop));
  for (const StoredDefinition& one : schema.definitions) {
    if (one.kind != "sequence") continue;
    if (!session->is_mariadb()) {
      return fail(Error{Errc::unsupported,
                        "MySQL has no sequences: " + base::printable(one.shown()),
                        "restore to MariaDB, or single tables with --table"});
    }
    TRY(make_definition(*session, one, options));
  }
  return {};
}

}  // namespace stillpoint::database::mysql

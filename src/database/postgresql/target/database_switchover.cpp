// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/target/database_switchover.h"

#include <chrono>
#include <thread>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/text.h"
#include "database/postgresql/target/switch.h"

namespace stillpoint::database::postgresql {
namespace {

// Who was let in a moment before it was closed is seen only a moment later.
constexpr std::chrono::seconds cut_time{10};
constexpr std::chrono::milliseconds step{50};

std::string rename_statement(const std::string& from, const std::string& to) {
  return "ALTER DATABASE " + quote_name(from) + " RENAME TO " + quote_name(to);
}

}  // namespace

std::string encode_ticket(const DatabaseTicket& ticket) {
  return nlohmann::json{
      {"target", ticket.target}, {"staged", ticket.staged},         {"kept", ticket.kept},
      {"mark", ticket.mark},     {"staged_oid", ticket.staged_oid}, {"old_oid", ticket.old_oid},
      {"open", ticket.open},     {"settings", ticket.settings}}
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<DatabaseTicket> decode_ticket(const std::string& text) {
  try {
    const auto json = nlohmann::json::parse(text);
    return DatabaseTicket{json.at("target"), json.at("staged"),     json.at("kept"),
                          json.at("mark"),   json.at("staged_oid"), json.at("old_oid"),
                          json.at("open"),   json.at("settings")};
  } catch (const nlohmann::json::exception& error) {
    return fail(Errc::corrupt, "read the ticket of a PostgreSQL database: {}", error.what());
  }
}

std::string DatabaseSwitchover::replacing() const {
  return "replace " + (server_ ? server_->described(ticket_.target) : ticket_.target);
}

Result<DatabaseSwitchover::Names> DatabaseSwitchover::look() {
  if (!server_ || !server_->session().usable()) {
    server_.reset();
    server_.emplace(TRY(Maintenance::connect(address_)));
    TRY(make_lasting(server_->session()));
  }
  Names names;
  const auto rows = TRY(server_->session().query(
      "SELECT oid, datname, datallowconn FROM pg_database WHERE oid IN ($1::oid, $2::oid)",
      {std::to_string(ticket_.staged_oid), std::to_string(ticket_.old_oid)}));
  for (const Row& row : rows) {
    const bool staged = row.number(0) == ticket_.staged_oid;
    (staged ? names.staged : names.old) = row.text(1);
    if (staged) names.staged_open = row.flag(2);
  }
  return names;
}

Result<void> DatabaseSwitchover::allow(const std::string& name, bool allowed) {
  if (name.empty()) return {};
  return server_->session().execute("ALTER DATABASE " + quote_name(name) + " ALLOW_CONNECTIONS " +
                                    (allowed ? "true" : "false"));
}

Result<void> DatabaseSwitchover::empty(const std::string& name, bool force) {
  if (name.empty()) return {};
  if (!force) return refuse_users(*server_, name);
  TRY(refuse_prepared(*server_, name));
  for (const base::Deadline deadline(cut_time);;) {
    TRY(server_->end_sessions(name));
    const auto users = TRY(server_->users_of(name));
    if (users.empty()) return {};
    if (deadline.passed()) return refuse_users(*server_, name);
    std::this_thread::sleep_for(step);
  }
}

Result<void> DatabaseSwitchover::close(bool force) {
  force_ = force;
  const Names names = TRY_DURING(replacing(), look());
  if (names.staged.empty()) {
    return fail(Error{Errc::not_found,
                      replacing() + ": the staged database " + ticket_.staged + " is gone",
                      "undo the switch: stillpoint restore --undo; then restore again"});
  }
  for (const std::string& name : {names.staged, names.old}) {
    TRY_DURING("keep others out of " + server_->described(name), allow(name, false));
  }
  for (const std::string& name : {names.old, names.staged}) {
    TRY_DURING(replacing(), empty(name, force));
  }
  return {};
}

// Who slipped in before it was closed keeps a database from being renamed.
Result<void> DatabaseSwitchover::rename(const std::vector<std::string>& statements, bool back) {
  constexpr const char* in_use_state = "55006";
  for (const base::Deadline deadline(cut_time);;) {
    Connection session = TRY(server_->again());
    TRY(begin_switch(session));
    Result<void> done;
    for (const std::string& statement : statements) {
      done = session.execute(statement);
      if (!done) break;
    }
    if (done) {
      const std::int64_t in_place = back ? ticket_.old_oid : ticket_.staged_oid;
      return commit_switch(*server_, session, {ticket_.target, in_place}, ticket_.kept);
    }
    const bool in_use = session.last_state() == in_use_state;
    if (!in_use || deadline.passed()) return done;
    const Names names = TRY(look());
    TRY(empty(names.old, force_));
    TRY(empty(names.staged, force_));
  }
}

Result<std::string> DatabaseSwitchover::swap() {
  const Names names = TRY_DURING(replacing(), look());
  const std::string kept = ticket_.old_oid == 0 ? std::string() : ticket_.kept;
  if (swapped(names)) return kept;
  if (names.staged.empty() || (ticket_.old_oid != 0 && names.old != ticket_.target)) {
    return fail(Error{
        Errc::not_found, replacing() + ": the databases are not what they were when it was closed",
        "look at the server's databases; undo the switch: stillpoint restore --undo"});
  }
  std::vector<std::string> statements;
  if (ticket_.old_oid != 0) statements.push_back(rename_statement(ticket_.target, ticket_.kept));
  statements.push_back(rename_statement(names.staged, ticket_.target));
  statements.insert(statements.end(), ticket_.settings.begin(), ticket_.settings.end());
  TRY_DURING(replacing(), rename(statements, false));
  return kept;
}

Result<void> DatabaseSwitchover::swap_back() {
  const Names names = TRY_DURING(replacing(), look());
  if (!swapped(names)) return {};
  if (names.staged_open) {
    return fail(
        Error{Errc::invalid,
              "put back " + server_->described(ticket_.target) + ": clients have been let in since",
              "complete the switch: stillpoint restore --resume"});
  }
  TRY(close(force_));
  std::vector<std::string> statements = {rename_statement(ticket_.target, ticket_.staged)};
  if (ticket_.old_oid != 0) statements.push_back(rename_statement(ticket_.kept, ticket_.target));
  // So that it is found where we die before it is dropped.
  statements.push_back("COMMENT ON DATABASE " + quote_name(ticket_.staged) + " IS " +
                       quote_text(ticket_.mark));
  TRY_DURING("put back " + server_->described(ticket_.target), rename(statements, true));
  return {};
}

// What is staged stays closed: nobody has any business there.
Result<void> DatabaseSwitchover::open() {
  const Names names = TRY_DURING(replacing(), look());
  for (const std::string& name : {names.old, swapped(names) ? names.staged : std::string()}) {
    TRY_DURING("let clients into " + server_->described(name), allow(name, ticket_.open));
  }
  return {};
}

Result<void> DatabaseSwitchover::discard() {
  const Names names = TRY_DURING(replacing(), look());
  if (swapped(names) || names.staged.empty()) return {};
  TRY_DURING("remove " + server_->described(names.staged), server_->drop(names.staged));
  return {};
}

Result<std::unique_ptr<Switchover>> open_switchover(const Address& address,
                                                    const std::string& ticket) {
  return std::make_unique<DatabaseSwitchover>(address, TRY(decode_ticket(ticket)));
}

}  // namespace stillpoint::database::postgresql

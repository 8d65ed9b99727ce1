// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/target/schema_switchover.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "database/mysql/target/whereabouts.h"

namespace stillpoint::database::mysql {
namespace {

Result<bool> exists(Connection& session, const std::string& schema) {
  const std::vector<Row> rows = TRY(session.query(
      "SELECT 1 FROM information_schema.schemata WHERE schema_name = " + quote_text(schema)));
  return !rows.empty();
}

}  // namespace

std::string encode_ticket(const SchemaTicket& ticket) {
  return nlohmann::json{{"journal", ticket.journal},
                        {"token", ticket.token},
                        {"kept", ticket.kept},
                        {"schema", ticket.schema},
                        {"table", ticket.table}}
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<SchemaTicket> decode_ticket(const std::string& text) {
  try {
    const auto json = nlohmann::json::parse(text);
    SchemaTicket ticket{json.at("journal"), json.at("token"), json.at("kept"), json.at("schema"),
                        json.at("table")};
    // It is dropped in the end.
    if (!ticket.token.empty() && token_of(ticket.journal) == ticket.token) return ticket;
  } catch (const nlohmann::json::exception& error) {
    return fail(Errc::corrupt, "read the ticket of MySQL schemas: {}", error.what());
  }
  return fail(Errc::corrupt, "read the ticket of MySQL schemas: it names no staging schema");
}

std::string SchemaSwitchover::replacing() const {
  return "replace " + (server_ ? server_->described(ticket_.schema) : ticket_.schema);
}

Result<void> SchemaSwitchover::connect() {
  if (server_ && server_->session().execute("DO 0")) return {};
  staging_.reset();
  server_.reset();
  server_.emplace(TRY(RestoreServer::connect(address_, {})));
  return {};
}

Result<std::unique_ptr<Switch>> SchemaSwitchover::look() {
  TRY(connect());
  Whereabouts now(server_->session());
  if (!TRY(now.has(ticket_.journal, std::string(journal_name)))) {
    staging_.reset();
    return std::unique_ptr<Switch>();
  }
  if (!staging_ || !staging_->usable()) {
    staging_.reset();
    staging_ = TRY(Staging::resume(server_->session(), ticket_.journal, ticket_.token, {}));
  }
  std::optional<SwitchPlan> plan = TRY(Switch::planned_in(*staging_));
  // Somebody was killed while removing it.
  if (!plan) return std::unique_ptr<Switch>();
  return Switch::open(*staging_, std::move(*plan));
}

// Those that are there.
Result<std::vector<std::string>> SchemaSwitchover::kept() {
  std::vector<std::string> there;
  for (const std::string& schema : ticket_.kept) {
    if (TRY(exists(server_->session(), schema))) there.push_back(schema);
  }
  return there;
}

// Without a journal: what is kept tells. After an undo, nothing of the old is there any more, at
// most tables which others had made meanwhile.
Result<bool> SchemaSwitchover::completed() {
  if (ticket_.kept.empty()) {
    if (ticket_.table.empty()) return exists(server_->session(), ticket_.schema);
    return Whereabouts(server_->session()).has(ticket_.schema, ticket_.table);
  }
  const std::vector<std::string> schemas = TRY(kept());
  const std::string stray = hidden_prefix(ticket_.token, "stray");
  for (const std::string& schema : schemas) {
    const std::set<std::string> tables = TRY(tables_in(server_->session(), schema));
    const bool old = std::any_of(tables.begin(), tables.end(), [&](const std::string& table) {
      return !table.starts_with(stray);
    });
    if (old || tables.empty()) return true;
  }
  return false;
}

Result<void> SchemaSwitchover::refuse_unless_completed() {
  if (TRY(completed())) return {};
  return fail(Error{Errc::not_found,
                    "the staged " + server_->described(ticket_.journal) + " is gone",
                    "undo the switch: stillpoint restore --undo; then restore again"});
}

// A server that was killed while it dropped the schema may have left some of it.
Result<void> SchemaSwitchover::sweep() {
  staging_.reset();
  return server_->session().execute("DROP DATABASE IF EXISTS " + quote_name(ticket_.journal));
}

Result<void> SchemaSwitchover::close(bool force) {
  const std::unique_ptr<Switch> one = TRY_DURING(replacing(), look());
  if (!one) {
    TRY_DURING(replacing(), refuse_unless_completed());
    return {};
  }
  Result<void> closed = one->close(force);
  if (closed) return closed;
  Error error = std::move(closed.error()).during(replacing());
  if (error.code == Errc::busy || error.code == Errc::unavailable) {
    error.advice = error.code == Errc::unavailable
                       ? "run the same command again"
                       : "end their transactions (or cut the sessions with --force), and run the "
                         "same command again";
  }
  return fail(std::move(error));
}

Result<std::string> SchemaSwitchover::swap() {
  const std::unique_ptr<Switch> one = TRY_DURING(replacing(), look());
  TRY_DURING(replacing(), one ? one->decide() : refuse_unless_completed());
  forward_ = true;
  return base::join(TRY(kept()), ", ");
}

Result<void> SchemaSwitchover::swap_back() {
  const std::unique_ptr<Switch> one = TRY_DURING(replacing(), look());
  if (one) {
    TRY_DURING("put back " + server_->described(ticket_.schema), one->take_back());
  } else if (TRY_DURING(replacing(), completed())) {
    return fail(
        Error{Errc::invalid,
              "put back " + server_->described(ticket_.schema) + ": clients have been let in since",
              "complete the switch: stillpoint restore --resume"});
  }
  forward_ = false;
  return {};
}

Result<void> SchemaSwitchover::open() {
  const std::unique_ptr<Switch> one = TRY_DURING(replacing(), look());
  if (!one) return {};
  const std::string at = TRY_DURING(replacing(), one->state());
  const bool forward = at == Switch::decided || at == Switch::switched;
  if (forward_ && *forward_ != forward) {
    return fail(Error{Errc::unavailable,
                      replacing() + ": the server has forgotten how it was to go on",
                      *forward_ ? "complete the switch: stillpoint restore --resume"
                                : "undo the switch: stillpoint restore --undo"});
  }
  const Switch::Settled settled =
      TRY_DURING("let clients into " + server_->described(ticket_.schema), one->let_in());
  if (settled == Switch::Settled::completed) staging_.reset();
  return {};
}

// The plan goes first: without it nobody begins to switch to what is there in part.
Result<void> SchemaSwitchover::discard() {
  const std::unique_ptr<Switch> one = TRY_DURING(replacing(), look());
  if (one) {
    const std::string at = TRY_DURING(replacing(), one->state());
    if (at == Switch::decided || at == Switch::switched) return {};
    TRY_DURING("let clients into " + server_->described(ticket_.schema), one->let_in());
  }
  const std::string removing = "remove " + server_->described(ticket_.journal);
  if (!staging_) {
    TRY_DURING(removing, sweep());
    return {};
  }
  TRY_DURING(removing, Switch::forget_plan(*staging_));
  TRY_DURING(removing, staging_->remove());
  staging_.reset();
  return {};
}

Result<std::unique_ptr<Switchover>> open_switchover(const Address& address,
                                                    const std::string& ticket) {
  return std::make_unique<SchemaSwitchover>(address, TRY(decode_ticket(ticket)));
}

}  // namespace stillpoint::database::mysql

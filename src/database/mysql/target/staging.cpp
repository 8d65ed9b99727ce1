// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/target/staging.h"

#include <chrono>
#include <set>
#include <thread>

#include <fmt/format.h>

#include "base/text.h"
#include "database/mysql/target/switch_plan.h"

namespace stillpoint::database::mysql {
namespace {

constexpr std::string_view mark_step = "mark";
// A killed restore's sessions last until the server has noticed.
constexpr std::chrono::seconds dead_time{20};

// Rows come as they were: odd zeros and dates are data. Of keys, nothing needs to be checked that
// the server checked before; check_foreign_keys() looks for rows that lead nowhere.
constexpr const char* loading_settings =
    "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', foreign_key_checks = 0";

std::string number_sql(const std::optional<std::uint64_t>& number) {
  return number ? std::to_string(*number) : "NULL";
}

std::string journal_in(const std::string& schema, const std::string& token, bool in_place) {
  std::string name(journal_name);
  if (in_place) name += "_" + token;
  return quote_qualified(schema, name);
}

Result<Connection> loading_session(const Connection& like, const std::stop_token& stop) {
  Connection session = TRY(Connection::connect({}, {.like = &like, .stop = stop}));
  TRY(session.execute(loading_settings));
  if (session.is_mariadb()) TRY(session.execute("SET SESSION check_constraint_checks = 0"));
  // A right that not everybody has; without it the server's own format holds.
  (void)session.execute("SET SESSION binlog_format = 'ROW'");
  return session;
}

}  // namespace

Result<std::unique_ptr<Staging>> Staging::begin(const Connection& like, StagingMark mark,
                                                const std::string& token,
                                                const std::stop_token& stop) {
  Connection control = TRY(loading_session(like, stop));
  const std::string journal = journal_in(mark.places.front().staged, token, mark.in_place);
  std::unique_ptr<Staging> staging(new Staging(journal, token, std::move(control)));
  staging->mark_ = std::move(mark);
  TRY(staging->lock());
  const Result<void> made = staging->make(stop);
  if (made) return staging;
  (void)staging->remove(commit_max);
  return fail(made.error());
}

Result<std::unique_ptr<Staging>> Staging::resume(const Connection& like, const std::string& schema,
                                                 const std::string& token,
                                                 const std::stop_token& stop) {
  Connection control = TRY(loading_session(like, stop));
  const bool in_place = token_of(schema) != token;
  std::unique_ptr<Staging> staging(
      new Staging(journal_in(schema, token, in_place), token, std::move(control)));
  TRY(staging->lock());
  TRY_DURING("read what is staged in " + display_name(schema), staging->read_journal());
  return staging;
}

Result<void> Staging::lock() {
  // Longer than any restore takes.
  TRY(control_->execute("SET SESSION wait_timeout = 31536000"));
  const std::string locked = TRY(control_->value(
      fmt::format("SELECT GET_LOCK({}, {})", quote_text(lock_name(token_)), dead_time.count())));
  if (locked == "1") return {};
  return fail(Error{Errc::busy, "another restore is at work there", "wait for its end, or end it"});
}

// A small one.
Result<void> Staging::commit(const std::string& sql) {
  control_->limit_each(commit_max);
  Result<void> done = control_->execute(sql);
  control_->unlimit();
  return done;
}

Result<void> Staging::make(const std::stop_token& stop) {
  control_->obey(stop);
  if (!mark_.in_place) {
    for (const Place& place : mark_.places) {
      TRY_DURING("make the schema " + display_name(place.staged),
                 commit("CREATE DATABASE " + quote_name(place.staged)));
    }
  }
  TRY(commit("CREATE TABLE " + journal_ +
             " (step VARBINARY(2000) PRIMARY KEY, num_rows BIGINT UNSIGNED,"
             " checksum BIGINT UNSIGNED, txt LONGBLOB,"
             " at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)"
             " ENGINE=InnoDB COMMENT 'Stillpoint: what a restore has done'"));
  control_->obey({});
  return save_mark();
}

Result<void> Staging::save_mark() {
  return keep(std::string(mark_step), text_of(mark_));
}

Result<void> Staging::read_journal() {
  const auto mark = mark_of(TRY(kept(std::string(mark_step))));
  if (!mark) return fail(Errc::not_found, "its journal has no mark");
  mark_ = *mark;
  const std::vector<Row> rows =
      TRY(control_->query("SELECT step, num_rows, checksum FROM " + journal_));
  for (const Row& row : rows) {
    Receipt receipt;
    if (!row.is_null(1)) receipt.rows = row.count(1);
    if (!row.is_null(2)) receipt.checksum = row.count(2);
    confirm(row.text(0), receipt);
  }
  return {};
}

std::map<std::string, std::string> Staging::schemas() const {
  std::map<std::string, std::string> names;
  for (const Place& place : mark_.places) names[place.from] = place.staged;
  return names;
}

Result<Staging::Loan> Staging::borrow(const std::stop_token& stop) {
  std::optional<Connection> session = idle_.with([](auto& idle) -> std::optional<Connection> {
    if (idle.empty()) return std::nullopt;
    std::optional<Connection> last(std::move(idle.back()));
    idle.pop_back();
    return last;
  });
  if (!session) session = TRY_DURING("connect to load", loading_session(*control_, stop));
  session->obey(stop);
  return Loan(this, std::move(*session));
}

void Staging::Loan::give_back() {
  if (!session_ || !session_->usable()) return;
  session_->obey({});
  from_->idle_.with([&](auto& idle) { idle.push_back(std::move(*session_)); });
  session_.reset();
}

std::optional<Receipt> Staging::done(const std::string& step) const {
  return done_.with([&](const auto& done) -> std::optional<Receipt> {
    const auto found = done.find(step);
    return found == done.end() ? std::nullopt : std::optional(found->second);
  });
}

std::string Staging::note_sql(const std::string& step, const Receipt& receipt) const {
  return "INSERT INTO " + journal_ + " (step, num_rows, checksum) VALUES (" + quote_text(step) +
         ", " + number_sql(receipt.rows) + ", " + number_sql(receipt.checksum) + ")";
}

Result<void> Staging::note(Connection& session, const std::string& step, const Receipt& receipt) {
  return session.execute(note_sql(step, receipt));
}

void Staging::confirm(const std::string& step, const Receipt& receipt) {
  done_.with([&](auto& done) { done.insert_or_assign(step, receipt); });
}

Result<void> Staging::finished(const std::string& step) {
  if (done(step)) return {};
  TRY(commit(note_sql(step)));
  confirm(step);
  return {};
}

Result<void> Staging::forget(const std::vector<std::string>& steps) {
  for (const std::string& step : steps) {
    TRY(commit("DELETE FROM " + journal_ + " WHERE step = " + quote_text(step)));
    done_.with([&](auto& done) { done.erase(step); });
  }
  return {};
}

std::map<std::string, Receipt> Staging::all_done() const {
  return done_.with([](const auto& done) { return done; });
}

Result<void> Staging::keep(const std::string& name, const std::string& text) {
  return commit("REPLACE INTO " + journal_ + " (step, txt) VALUES (" + quote_text(name) + ", " +
                quote_text(text) + ")");
}

Result<std::string> Staging::kept(const std::string& name) {
  const std::vector<Row> rows =
      TRY(control_->query("SELECT txt FROM " + journal_ + " WHERE step = " + quote_text(name)));
  return rows.empty() ? std::string() : rows.front().text(0);
}

// The schema with the journal is the last one: what is left by a kill is found by it.
Result<void> Staging::remove(base::Duration each_max) {
  idle_.with([](auto& idle) { idle.clear(); });
  control_->obey({});
  control_->limit_each(each_max);
  if (mark_.in_place) {
    TRY(control_->execute("DROP TABLE IF EXISTS " + journal_));
  } else {
    for (auto place = mark_.places.rbegin(); place != mark_.places.rend(); ++place) {
      TRY_DURING("remove the schema " + display_name(place->staged),
                 control_->execute("DROP DATABASE IF EXISTS " + quote_name(place->staged)));
    }
  }
  close();
  return {};
}

bool Staging::usable() {
  return control_ && control_->usable() && control_->execute("DO 0").has_value();
}

void Staging::close() {
  idle_.with([](auto& idle) { idle.clear(); });
  control_.reset();
}

Result<std::vector<StagedRestore>> staged_restores(Connection& session) {
  const std::string in_target = std::string(journal_name) + "_";
  const std::vector<Row> rows = TRY(session.query(
      "SELECT table_schema, table_name FROM information_schema.tables WHERE table_name LIKE " +
      quote_text("stillpoint\\_journal%") + " ORDER BY 1, 2"));
  std::vector<StagedRestore> found;
  std::set<std::string> tokens;
  for (const Row& row : rows) {
    StagedRestore one;
    one.schema = row.text(0);
    one.token = row.text(1) == journal_name          ? token_of(one.schema)
                : row.text(1).starts_with(in_target) ? row.text(1).substr(in_target.size())
                                                     : "";
    if (one.token.empty()) continue;
    const auto texts =
        session.query("SELECT step, txt FROM " + quote_qualified(one.schema, row.text(1)) +
                      " WHERE step IN ('mark', 'state', 'plan')");
    if (texts) {
      for (const Row& text : *texts) {
        if (text.text(0) == mark_step) one.mark = mark_of(text.text(1));
        if (text.text(0) == "state") one.switching = true;
        if (text.text(0) != "plan") continue;
        const auto plan = read_plan(text.text(1));
        if (!plan) continue;
        for (const Place& place : plan->places) one.keeps.insert(place.kept);
      }
    }
    tokens.insert(one.token);
    found.push_back(std::move(one));
  }
  // Of a restore that was killed before it had a journal, or while it was removed.
  const std::vector<Row> schemas =
      TRY(session.query("SELECT schema_name FROM information_schema.schemata ORDER BY 1"));
  for (const Row& row : schemas) {
    StagedRestore one;
    one.schema = row.text(0);
    one.token = token_of(one.schema);
    if (!one.token.empty() && !tokens.contains(one.token)) found.push_back(std::move(one));
  }
  for (StagedRestore& one : found) {
    const Row used =
        TRY(session.row("SELECT IS_USED_LOCK(" + quote_text(lock_name(one.token)) + ")"));
    one.alive = !used.is_null(0);
  }
  return found;
}

}  // namespace stillpoint::database::mysql

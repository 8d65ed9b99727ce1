// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/target/staging.h"

#include <charconv>

#include "base/random.h"
#include "database/postgresql/target/backup_schema.h"

namespace stillpoint::database::postgresql {
namespace {

// Nothing that is staged has to be durable by itself: what a crash of the server loses is lost
// together with its entry in `progress`, and the switch is durable with all that comes before it.
constexpr const char* loading_settings = "SET synchronous_commit = off";

std::optional<std::uint64_t> number_of(const Row& row, std::size_t column) {
  if (row.is_null(column)) return std::nullopt;
  const std::string& digits = row.text(column);
  std::uint64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

std::optional<std::string> text_or_null(const std::optional<std::uint64_t>& number) {
  return number ? std::optional(std::to_string(*number)) : std::nullopt;
}

}  // namespace

Result<std::vector<StagedSchema>> staged_schemas(Connection& session) {
  const auto rows = TRY(session.query(
      "SELECT nspname, coalesce(obj_description(oid, 'pg_namespace'), '') FROM pg_namespace"
      " WHERE nspname LIKE 'stillpoint\\_%' ORDER BY nspname"));
  std::vector<StagedSchema> found;
  for (const Row& row : rows) {
    if (!is_staging_schema(row.text(0))) continue;
    if (auto mark = mark_of(row.text(1))) found.push_back({row.text(0), std::move(*mark)});
  }
  return found;
}

Result<std::unique_ptr<Staging>> Staging::begin(Maintenance& server, const std::string& database,
                                                const StagingMark& mark,
                                                const std::stop_token& stop,
                                                const std::string& token) {
  Connection control = TRY(server.enter(database, stop));
  const std::string schema = staging_schema(token.empty() ? base::random_token() : token);
  std::unique_ptr<Staging> staging(new Staging(server, database, schema, std::move(control)));
  TRY_DURING("make a schema in " + server.described(database), staging->make_progress(mark));
  return staging;
}

Result<std::unique_ptr<Staging>> Staging::resume(Maintenance& server, const std::string& database,
                                                 const std::stop_token& stop) {
  Connection control = TRY(server.enter(database, stop));
  const auto schemas = TRY(staged_schemas(control));
  if (schemas.empty()) return std::unique_ptr<Staging>();
  std::unique_ptr<Staging> staging(
      new Staging(server, database, schemas.front().name, std::move(control)));
  TRY_DURING("read what is staged in " + server.described(database), staging->read_progress());
  return staging;
}

Result<void> Staging::make_progress(const StagingMark& mark) {
  TRY(control_->execute(loading_settings));
  const std::string schema = quote_name(schema_);
  return control_->execute("BEGIN; CREATE SCHEMA " + schema + "; COMMENT ON SCHEMA " + schema +
                           " IS " + quote_text(text_of(mark)) + "; CREATE TABLE " + schema +
                           ".progress (step text PRIMARY KEY, rows bigint, checksum text,"
                           " at timestamptz NOT NULL DEFAULT clock_timestamp()); COMMIT");
}

Result<void> Staging::read_progress() {
  TRY(control_->execute(loading_settings));
  const auto rows = TRY(
      control_->query("SELECT step, rows, checksum FROM " + quote_qualified(schema_, "progress")));
  for (const Row& row : rows) confirm(row.text(0), {number_of(row, 1), number_of(row, 2)});
  return forget_unlogged();
}

// A server that has crashed meanwhile has emptied its unlogged tables, whatever our progress says.
Result<void> Staging::forget_unlogged() {
  const auto rows = TRY(control_->query(
      "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
      " WHERE c.relkind = 'r' AND c.relpersistence = 'u' AND n.nspname !~ '^pg_'"));
  for (const Row& row : rows) {
    const std::string table = quote_qualified(row.text(0), row.text(1));
    const std::string folder = folder_of_table({row.text(0), row.text(1)}) + "/";
    const bool empty = TRY(control_->value("SELECT NOT EXISTS (SELECT FROM " + table + ")"))
    == "t";
    if (!empty) continue;
    done_.with([&](auto& done) {
      const auto erased = std::erase_if(done, [&](const auto& one) {
        return one.first.starts_with(folder) && one.second.rows != 0;
      });
      // Rows that come after the indexes and triggers are made anew with everything.
      if (erased > 0 && done.contains("post-data begun")) done.erase("pre-data");
    });
    TRY(control_->query("DELETE FROM " + quote_qualified(schema_, "progress") +
                            " WHERE starts_with(step, $1) AND rows <> 0",
                        {folder}));
  }
  return {};
}

Result<Staging::Loan> Staging::borrow(const std::stop_token& stop) {
  std::optional<Connection> session = idle_.with([](auto& idle) -> std::optional<Connection> {
    if (idle.empty()) return std::nullopt;
    std::optional<Connection> last(std::move(idle.back()));
    idle.pop_back();
    return last;
  });
  if (!session) {
    session =
        TRY_DURING("connect to " + server_.described(database_), server_.enter(database_, stop));
    TRY(session->execute(loading_settings));
  }
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

Result<void> Staging::note(Connection& session, const std::string& step, const Receipt& receipt) {
  TRY(session.query("INSERT INTO " + quote_qualified(schema_, "progress") +
                        " (step, rows, checksum) VALUES ($1, $2, $3)",
                    {step, text_or_null(receipt.rows), text_or_null(receipt.checksum)}));
  return {};
}

void Staging::confirm(const std::string& step, const Receipt& receipt) {
  done_.with([&](auto& done) { done.insert_or_assign(step, receipt); });
}

Result<void> Staging::finished(const std::string& step) {
  if (done(step)) return {};
  TRY(note(*control_, step));
  confirm(step);
  return {};
}

std::map<std::string, Receipt> Staging::all_done() const {
  return done_.with([](const auto& done) { return done; });
}

Result<void> Staging::leave() {
  // Only superusers have event triggers, and may do this: theirs are not to see what we clear up.
  const bool newer = control_->server_version() >= 170000;
  (void)control_->execute(newer ? "SET event_triggers = off"
                                : "SET session_replication_role = replica");
  TRY(control_->execute("DROP SCHEMA IF EXISTS " + quote_name(schema_) + " CASCADE"));
  close();
  return {};
}

void Staging::rest() {
  idle_.with([](auto& idle) { idle.clear(); });
}

void Staging::close() {
  rest();
  control_.reset();
}

}  // namespace stillpoint::database::postgresql

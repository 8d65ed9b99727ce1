// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/target/table_target.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "database/mysql/session/location.h"
#include "database/mysql/source/table_definition.h"

namespace stillpoint::database::mysql {
namespace {

// What a partition is exchanged with is no partitioned table. The server prints the clause on a
// line of its own, at the end.
std::string without_partitions(const std::string& create) {
  for (const char* begin : {"\n PARTITION BY ", "\n/*!50100 PARTITION BY "}) {
    const std::size_t at = create.find(begin);
    if (at != std::string::npos) return create.substr(0, at);
  }
  return create;
}

}  // namespace

TableTarget::~TableTarget() {
  (void)discard();
}

std::string TableTarget::staged_name(std::size_t number) const {
  return fmt::format("t{}", number);
}

Result<void> TableTarget::prepare(const Content& content, std::stop_token stop) {
  if (options_.in_place) {
    return fail(Error{Errc::invalid, "--in-place and --table do not go together",
                      "single tables are added to what exists anyway"});
  }
  TRY(connect(stop));
  loader_.emplace(content, options_);
  loader_->lay_out_by([this](const std::stop_token& token) { return lay_out(token); });
  const Location location = TRY(parse_url(address_.url));
  const std::vector<Place> places = TRY_DURING(doing(), places_of(location, content));
  chosen_ = TRY_DURING(doing(), chosen_tables(options_.tables, content.objects, places));
  std::set<std::string> folders;
  for (const ChosenTable& one : chosen_) {
    TRY_DURING(doing(), check_choice(server_->session(), one));
    folders.insert(one.folder());
  }
  loader_->only(std::move(folders));
  TRY_DURING(doing(), server_->check(content));
  server_->session().obey({});
  return {};
}

// Triggers and foreign keys would work on, or look into, what is there.
void TableTarget::note_what_is_missing(const StoredTable& table) const {
  std::vector<std::string> missing;
  if (!table.foreign_keys.empty()) missing.emplace_back("foreign keys");
  for (const StoredDefinition& one : loader_->schema().definitions) {
    const bool of_it = one.schema == table.schema && one.table == table.name;
    if (one.kind == "trigger" && of_it) missing.push_back(base::printable(one.shown()));
  }
  if (missing.empty()) return;
  log(LogLevel::warning,
      "{} is restored without its {}: schema/tables.sql and triggers.sql in the "
      "backup say how to make them",
      base::printable(table.shown()), base::join(missing, ", "));
}

Result<Staging*> TableTarget::lay_out(const std::stop_token& stop) {
  TRY(connect(stop));
  for (const ChosenTable& one : chosen_) {
    const StoredTable* table = loader_->schema().find(one.from.schema, one.from.name);
    if (table == nullptr) {
      return fail(Errc::corrupt, "schema/tables.json does not know {}", one.shown());
    }
    note_what_is_missing(*table);
    stored_.push_back(*table);
    const bool beside = !one.exchanged && one.as.name != one.from.name;
    if (beside && !server_->identity().mariadb) {
      stored_.back().create = without_check_names(table->create);
    }
    if (one.partition.empty()) continue;
    std::erase_if(stored_.back().parts,
                  [&](const StoredPart& part) { return part.partition != one.partition; });
    stored_.back().create = without_partitions(stored_.back().create);
  }
  const std::string token = base::random_token();
  StagingMark mark;
  mark.backup = loader_->content().backup;
  mark.since = base::format_time(base::now());
  mark.tables = true;
  const std::string& schema = chosen_.front().as.schema;
  mark.places = {{"", schema, staging_name(schema, token), {}}};
  staging_ = TRY_DURING(doing(), Staging::begin(server_->session(), mark, token, stop));
  std::vector<StagedTable>& tables = loader_->tables();
  for (std::size_t i = 0; i < stored_.size(); ++i) {
    tables.push_back({&stored_[i], mark.places.front().staged, staged_name(i), false, false});
  }
  return staging_.get();
}

Result<void> TableTarget::complete(std::stop_token stop) {
  if (!loader_ || !staging_) return fail(Errc::internal, "complete before prepare");
  TRY_DURING(doing(), loader_->complete(stop));
  return {};
}

Result<void> TableTarget::verify(std::stop_token stop) {
  if (!loader_ || !staging_) return fail(Errc::internal, "verify before prepare");
  TRY_DURING("check the restored tables", loader_->verify(stop));
  return {};
}

Result<void> TableTarget::fence() {
  TRY(connect());
  for (const ChosenTable& one : chosen_) {
    TRY_DURING(doing(), check_choice(server_->session(), one));
  }
  return {};
}

// Rows that somebody has put into the partition since it was looked at come back, and the exchange
// with them.
Result<void> TableTarget::exchange(const ChosenTable& chosen, const std::string& staged) {
  Connection& session = server_->session();
  const std::string statement = "ALTER TABLE " + quote_qualified(chosen.as.schema, chosen.as.name) +
                                " EXCHANGE PARTITION " + quote_name(chosen.partition) +
                                " WITH TABLE " + staged;
  const std::string what = "exchange the partition " + chosen.shown();
  TRY_DURING(what, session.execute(statement));
  const std::vector<Row> rows =
      TRY_DURING(what, session.query("SELECT 1 FROM " + staged + " LIMIT 1"));
  if (rows.empty()) return {};
  TRY_DURING(what, session.execute(statement));
  return fail(Error{Errc::busy, what + ": somebody has put rows into it meanwhile",
                    "keep others from writing to it, and run the same command again"});
}

Result<std::string> TableTarget::swap() {
  if (!staging_) return fail(Errc::internal, "swap without data");
  std::vector<std::string> moves;
  const std::string& schema = staging_->mark().places.front().staged;
  for (std::size_t i = 0; i < chosen_.size(); ++i) {
    const std::string staged = quote_qualified(schema, staged_name(i));
    if (chosen_[i].exchanged) {
      TRY(exchange(chosen_[i], staged));
    } else {
      moves.push_back(staged + " TO " + quote_qualified(chosen_[i].as.schema, chosen_[i].as.name));
    }
  }
  if (!moves.empty()) {
    TRY_DURING("put the tables in place",
               server_->session().execute("RENAME TABLE " + base::join(moves, ", ")));
  }
  const std::unique_ptr<Staging> staging = std::move(staging_);
  TRY(staging->remove());
  return std::string();
}

Result<void> TableTarget::discard() {
  const std::unique_ptr<Staging> staging = std::move(staging_);
  return staging ? staging->remove() : Result<void>();
}

}  // namespace stillpoint::database::mysql

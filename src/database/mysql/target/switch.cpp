// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/target/switch.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

#include <fmt/format.h>

#include "base/log.h"
#include "base/text.h"
#include "database/mysql/session/server_error.h"
#include "database/mysql/target/rehearsal.h"
#include "database/mysql/target/table_users.h"

namespace stillpoint::database::mysql {
namespace {

constexpr const char* plan_step = "plan";
constexpr const char* state_step = "state";

constexpr const char* probe_step = "probe";
constexpr std::chrono::seconds lock_time{5};
// The largest is one RENAME TABLE for all.
constexpr std::chrono::seconds statement_max{60};
constexpr std::chrono::milliseconds between_attempts{200};

std::string rename_sql(const std::vector<std::string>& moves) {
  return "RENAME TABLE " + base::join(moves, ", ");
}

std::string move_of(const std::string& from_schema, const std::string& from,
                    const std::string& to_schema, const std::string& to) {
  return quote_qualified(from_schema, from) + " TO " + quote_qualified(to_schema, to);
}

}  // namespace

Result<std::unique_ptr<Switch>> Switch::open(Staging& staging, SwitchPlan plan) {
  std::unique_ptr<Switch> one(new Switch(staging, std::move(plan)));
  TRY(one->connect());
  return one;
}

Result<std::unique_ptr<Switch>> Switch::fence(Staging& staging, SwitchPlan plan, bool force) {
  std::unique_ptr<Switch> one = TRY(open(staging, std::move(plan)));
  TRY(one->check_commits());
  TRY(one->check_rights());
  TRY(one->lock(force));
  return one;
}

Result<void> Switch::keep_plan(Staging& staging, const SwitchPlan& plan) {
  return staging.keep(plan_step, text_of(plan));
}

Result<void> Switch::forget_plan(Staging& staging) {
  return staging.forget({plan_step});
}

Result<std::optional<SwitchPlan>> Switch::planned_in(Staging& staging) {
  const std::string text = TRY(staging.kept(plan_step));
  if (text.empty()) return std::optional<SwitchPlan>();
  return std::optional(TRY(read_plan(text)));
}

Result<std::optional<SwitchPlan>> Switch::begun(Staging& staging) {
  if (TRY(staging.kept(state_step)).empty()) return std::optional<SwitchPlan>();
  return planned_in(staging);
}

Result<Switch::Settled> Switch::settle(Staging& staging, const SwitchPlan& plan) {
  const std::unique_ptr<Switch> one = TRY(open(staging, plan));
  const std::string at = TRY(one->state());
  if (at == decided || at == switched) {
    TRY(one->complete());
    return Settled::completed;
  }
  TRY(one->undo());
  return Settled::undone;
}

Result<void> Switch::connect() {
  const auto session = [&] { return Connection::connect({}, {.like = &staging_.control()}); };
  locks_ = TRY(session());
  work_ = TRY(session());
  // If we freeze, the server does not keep clients waiting for longer than that.
  TRY(locks_->execute("SET SESSION wait_timeout = 60, lock_wait_timeout = 1"));
  TRY(work_->execute("SET SESSION lock_wait_timeout = 10"));
  locks_->limit_each(statement_max);
  work_->limit_each(statement_max);
  return {};
}

// A server whose commits hang would hang in the midst of the switch.
Result<void> Switch::check_commits() {
  TRY_DURING("commit something before the switch", staging_.keep(probe_step, "commits"));
  return {};
}

// Without them, what is taken apart could not be put together again; and what is there may be
// others' than when the restore began.
Result<void> Switch::check_rights() {
  const std::string at = TRY(state());
  if (!at.empty()) return {};
  return try_definers(staging_, definers_of(plan_.old_definitions, true), {});
}

Result<std::string> Switch::state() {
  std::string noted = TRY(staging_.kept(state_step));
  if ((noted != cleared && noted != decided) || plan_.new_tables.empty()) return noted;
  // The RENAME may have been done and not noted.
  Whereabouts now(*work_);
  const NewTable& first = plan_.new_tables.front();
  const bool waits = TRY(now.has(first.staged, first.staged_name))
  || (!first.hidden.empty() && TRY(now.has(first.schema, first.hidden)));
  return waits ? noted : std::string(switched);
}

Result<void> Switch::enter(std::string_view state) {
  return staging_.keep(state_step, std::string(state));
}

Result<std::vector<std::string>> Switch::tables_to_lock() {
  std::vector<std::string> names;
  // Of a switch that was interrupted later than that, nothing old is in place any more.
  const std::string at = TRY(state());
  if (!at.empty() && at != planned) return names;
  Whereabouts now(*work_);
  for (const OldTable& table : plan_.old_tables) {
    const bool there = TRY(now.has(table.schema, table.name));
    if (there) names.push_back(quote_qualified(table.schema, table.name) + " WRITE");
  }
  return names;
}

// Tables may have come since the plan was made.
Result<void> Switch::check_listing() {
  const std::string at = TRY(state());
  if (!at.empty()) return {};
  std::set<QualifiedName> known;
  for (const OldTable& table : plan_.old_tables) known.insert({table.schema, table.name});
  for (const Schema& schema : plan_.old_schemas) {
    const std::set<std::string> there = TRY(tables_in(*work_, schema.name));
    for (const std::string& name : there) {
      const bool ours = name.starts_with(journal_name);
      if (ours || known.contains({schema.name, name})) continue;
      return fail(Error{Errc::unavailable,
                        "the table " + display_qualified(schema.name, name) + " has come meanwhile",
                        "run the same command again with --resume"});
    }
  }
  return {};
}

// A lock that waits makes everybody wait who comes after it: several short attempts.
Result<void> Switch::lock(bool force) {
  const base::Deadline deadline(lock_time);
  for (;;) {
    const Result<void> locked = lock_once(force);
    if (locked) return locked;
    const bool again = locked.error().code == Errc::busy && !deadline.passed();
    if (!again) return locked;
    std::this_thread::sleep_for(between_attempts);
  }
}

Result<void> Switch::lock_once(bool force) {
  const std::vector<std::string> names = TRY(tables_to_lock());
  if (names.empty()) return {};
  const Result<void> locked = lock_tables(names);
  if (locked) return check_listing();
  if (locks_->last_number() != er_lock_wait_timeout && locked.error().code != Errc::busy) {
    return fail(Error(locked.error()).during("lock the old tables"));
  }
  std::set<std::string> schemas;
  for (const Place& place : plan_.places) schemas.insert(place.to);
  const std::vector<TableUser> users = TRY(users_of_tables(*work_, schemas));
  if (force) TRY(end_sessions(*work_, users));
  std::vector<std::string> shown;
  for (const TableUser& user : users) shown.push_back(user.shown);
  return fail(Error{Errc::busy,
                    "the old tables are in use: " +
                        (shown.empty() ? "by whom, the server tells who has the right PROCESS only"
                                       : base::join(shown, ", ")),
                    "end their transactions (or cut the sessions with --force), and run the same "
                    "command again with --resume"});
}

// With GTIDs, MySQL takes a lock of tables with and without transactions for a statement that
// writes to both, and refuses it; but not where the statement would not be logged (as no lock is).
// What is done under the lock has to be logged.
Result<void> Switch::lock_tables(const std::vector<std::string>& names) {
  const std::string sql = "LOCK TABLES " + base::join(names, ", ");
  const Result<void> locked = locks_->execute(sql);
  if (locked || locks_->last_number() != er_gtid_unsafe) return locked;
  Result<void> apart = locks_->execute("SET SESSION sql_log_bin = 0");
  if (!apart) {
    apart.error().advice = gtid_advice;
    return apart;
  }
  Result<void> locked_apart = locks_->execute(sql);
  TRY(locks_->execute("SET SESSION sql_log_bin = 1"));
  return locked_apart;
}

MakingOptions Switch::new_options() const {
  MakingOptions options;
  options.no_owner = plan_.no_owner;
  for (const Place& place : plan_.places) options.schemas[place.from] = place.to;
  return options;
}

Result<void> Switch::remake(const StoredDefinition& definition, const MakingOptions& options) {
  const auto schema = options.schemas.find(definition.schema);
  TRY(work_->execute(
      drop_sql(definition, schema == options.schemas.end() ? definition.schema : schema->second)));
  return make_definition(*work_, definition, options);
}

Result<std::string> Switch::swap() {
  std::string at = TRY(state());
  if (at == undoing) {
    TRY(undo());
    return fail(Errc::busy, "an earlier switch had to be undone first; run the same command again");
  }
  if (at.empty()) {
    TRY(keep_plan(staging_, plan_));
    TRY(enter(planned));
    at = planned;
  }
  Result<void> done;
  if (at == planned) done = clear_the_way();
  if (done && at != switched) done = bring_new();
  if (done && at != switched) done = put_in_place();
  if (!done && at == decided) {
    unfinished_ = true;
    return fail(std::move(done.error()));
  }
  if (!done) {
    Error error = std::move(done.error());
    const Result<void> undone = undo();
    if (undone) return fail(std::move(error));
    unfinished_ = true;
    error.message += "; and what was done could not be undone: " + undone.error().message;
    error.advice =
        "go on with restore --resume, or undo it with stillpoint cleanup: until then the tables "
        "are not there";
    return fail(std::move(error));
  }
  done = finish();
  if (!done) {
    unfinished_ = true;
    return fail(std::move(done.error())
                    .during("the new tables are in place, but not all that belongs to them")
                    .advise("complete it with restore --resume, or with stillpoint cleanup"));
  }
  std::vector<std::string> kept;
  for (const Place& place : plan_.places) {
    if (!place.kept.empty()) kept.push_back(place.kept);
  }
  return base::join(kept, ", ");
}

Result<void> Switch::clear_the_way() {
  for (const Place& place : plan_.places) {
    if (place.kept.empty()) continue;
    TRY(work_->execute("CREATE DATABASE IF NOT EXISTS " + quote_name(place.kept)));
    for (const Schema& schema : plan_.old_schemas) {
      if (schema.name != place.to) continue;
      TRY(work_->execute("ALTER DATABASE " + quote_name(place.kept) + " CHARACTER SET " +
                         schema.charset + " COLLATE " + schema.collation));
    }
  }
  TRY_DURING("rename the old tables", hide_old());
  (void)locks_->execute("UNLOCK TABLES");
  TRY(drop_old_definitions());
  TRY_DURING("rename the old tables", keep_old_tables());
  return enter(cleared);
}

// Under the lock: whoever waits for a table finds it gone.
Result<void> Switch::hide_old() {
  Whereabouts now(*work_);
  for (const OldTable& table : plan_.old_tables) {
    if (!TRY(now.has(table.schema, table.name))) continue;
    const bool hides = !table.hidden.empty();
    const std::string& schema = hides ? table.schema : table.kept;
    const std::string& name = hides ? table.hidden : table.name;
    // It is away already; after a kill somebody has made another one.
    if (TRY(now.has(schema, name)) || (hides && TRY(now.has(table.kept, table.name)))) continue;
    TRY(locks_->execute("ALTER TABLE " + quote_qualified(table.schema, table.name) + " RENAME TO " +
                        quote_qualified(schema, name)));
  }
  return {};
}

Result<void> Switch::drop_old_definitions() {
  for (const StoredDefinition& one : plan_.old_definitions) {
    TRY_DURING("drop the old " + base::printable(one.shown()),
               work_->execute(drop_sql(one, one.schema)));
  }
  return {};
}

Result<void> Switch::keep_old_tables() {
  Whereabouts now(*work_);
  std::vector<std::string> moves;
  for (const OldTable& table : plan_.old_tables) {
    if (table.hidden.empty() || !TRY(now.has(table.schema, table.hidden))) continue;
    moves.push_back(move_of(table.schema, table.hidden, table.kept, table.name));
  }
  return moves.empty() ? Result<void>() : work_->execute(rename_sql(moves));
}

// The new tables' triggers and routines, before anybody can use the tables.
Result<void> Switch::bring_new() {
  for (const Schema& schema : plan_.new_schemas) {
    TRY(work_->execute("CREATE DATABASE IF NOT EXISTS " + quote_name(schema.name)));
    TRY(work_->execute("ALTER DATABASE " + quote_name(schema.name) + " CHARACTER SET " +
                       schema.charset + " COLLATE " + schema.collation));
  }
  MakingOptions options = new_options();
  Whereabouts now(*work_);
  std::vector<std::string> moves;
  for (const NewTable& table : plan_.new_tables) {
    if (table.hidden.empty()) continue;
    for (const Place& place : plan_.places) {
      if (place.to == table.schema) options.tables[{place.from, table.name}] = table.hidden;
    }
    if (!TRY(now.has(table.staged, table.staged_name))) continue;
    moves.push_back(move_of(table.staged, table.staged_name, table.schema, table.hidden));
  }
  if (!moves.empty()) TRY_DURING("rename the new tables", work_->execute(rename_sql(moves)));
  for (const StoredDefinition& one : plan_.new_definitions) {
    if (is_routine(one)) TRY(remake(one, options));
  }
  for (const StoredDefinition& one : plan_.new_definitions) {
    if (one.kind == "trigger") TRY(remake(one, options));
  }
  return {};
}

// The one step after which the new is there. Tables that somebody has made meanwhile under the
// names of the old ones (as some applications do at their start) are kept with these.
// A name for what others have made meanwhile; an earlier attempt may have moved such a table there.
Result<std::string> Switch::stray_name(Whereabouts& now, const std::string& kept) {
  for (;; ++strays_) {
    std::string name = hidden_name(staging_.token(), "stray", strays_);
    const bool taken = TRY(now.has(kept, name));
    if (taken) continue;
    ++strays_;
    return name;
  }
}

Result<void> Switch::put_in_place() {
  Whereabouts now(*work_);
  std::vector<std::string> moves;
  for (const NewTable& table : plan_.new_tables) {
    const bool hides = !table.hidden.empty();
    const std::string& schema = hides ? table.schema : table.staged;
    const std::string& name = hides ? table.hidden : table.staged_name;
    const bool waiting = TRY(now.has(schema, name));
    if (!waiting) continue;
    const bool stray = TRY(now.has(table.schema, table.name));
    if (stray) {
      const auto place = std::find_if(plan_.places.begin(), plan_.places.end(),
                                      [&](const Place& one) { return one.to == table.schema; });
      if (place == plan_.places.end() || place->kept.empty()) {
        return fail(Error{Errc::already_exists,
                          display_qualified(table.schema, table.name) + " has come meanwhile",
                          "remove it, and run the same command again"});
      }
      const std::string other = TRY(stray_name(now, place->kept));
      moves.push_back(move_of(table.schema, table.name, place->kept, other));
    }
    moves.push_back(move_of(schema, name, table.schema, table.name));
  }
  if (!moves.empty()) TRY_DURING("put the tables in place", work_->execute(rename_sql(moves)));
  return {};
}

Result<void> Switch::complete() {
  if (TRY(state()) != switched) TRY(put_in_place());
  return finish();
}

// From here on there is no way back. Views name tables that have to be there.
Result<void> Switch::finish() {
  TRY(enter(switched));
  TRY(set_collations());
  const MakingOptions options = new_options();
  for (const NewTable& table : plan_.new_tables) TRY(repair_defaults(table));
  for (const char* kind : {"view", "event"}) {
    for (const StoredDefinition& one : plan_.new_definitions) {
      if (one.kind == kind) TRY(remake(one, options));
    }
  }
  make_kept_definitions();
  locks_.reset();
  work_.reset();
  return staging_.remove();
}

// To make a definition, its schema's collation is changed for a moment: a kill may have left it so.
Result<void> Switch::set_collations() {
  const auto set = [&](const std::string& name, const Schema& schema) {
    return work_->execute("ALTER DATABASE " + quote_name(name) + " CHARACTER SET " +
                          schema.charset + " COLLATE " + schema.collation);
  };
  for (const Schema& schema : plan_.new_schemas) TRY(set(schema.name, schema));
  for (const Place& place : plan_.places) {
    if (place.kept.empty()) continue;
    for (const Schema& schema : plan_.old_schemas) {
      if (schema.name == place.to) TRY(set(place.kept, schema));
    }
  }
  return {};
}

// MariaDB: a default from a sequence names the schema that the sequence was in.
Result<void> Switch::repair_defaults(const NewTable& table) {
  const std::vector<Row> rows = TRY(work_->query(
      "SELECT column_name, column_default FROM information_schema.columns WHERE table_schema = " +
      quote_text(table.schema) + " AND table_name = " + quote_text(table.name) +
      " AND column_default LIKE '%nextval(%'"));
  for (const Row& row : rows) {
    std::string text = row.text(1);
    const std::string from = quote_name(table.staged) + ".";
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at)) {
      text.replace(at, from.size(), quote_name(table.schema) + ".");
    }
    TRY(work_->execute("ALTER TABLE " + quote_qualified(table.schema, table.name) +
                       " ALTER COLUMN " + quote_name(row.text(0)) + " SET DEFAULT (" + text + ")"));
  }
  return {};
}

// What cannot be made there (a view that reads what is gone) does not keep the new from working.
void Switch::make_kept_definitions() {
  MakingOptions options;
  options.events_sleep = true;
  for (const Place& place : plan_.places) {
    if (!place.kept.empty()) options.schemas[place.to] = place.kept;
  }
  for (const StoredDefinition& one : plan_.old_definitions) {
    const Result<void> made = remake(one, options);
    if (made) continue;
    log(LogLevel::warning, "the old {} is not kept: {}", base::printable(one.shown()),
        made.error().message);
  }
}

Result<void> Switch::undo() {
  const std::string at = TRY(state());
  if (at == cleared) TRY(undo_new());
  TRY(enter(undoing));
  TRY(undo_old());
  TRY(undo_schemas());
  (void)locks_->execute("UNLOCK TABLES");
  return staging_.forget({state_step});
}

Result<void> Switch::undo_new() {
  for (const StoredDefinition& one : plan_.new_definitions) {
    if (one.kind != "trigger" && !is_routine(one)) continue;
    TRY(work_->execute(drop_sql(one, new_options().schemas.at(one.schema))));
  }
  Whereabouts now(*work_);
  std::vector<std::string> moves;
  for (const NewTable& table : plan_.new_tables) {
    if (table.hidden.empty() || !TRY(now.has(table.schema, table.hidden))) continue;
    moves.push_back(move_of(table.schema, table.hidden, table.staged, table.staged_name));
  }
  return moves.empty() ? Result<void>() : work_->execute(rename_sql(moves));
}

// Triggers and routines before the tables are back under their names.
Result<void> Switch::undo_old() {
  MakingOptions options;
  std::vector<std::string> hide;
  std::vector<std::string> back;
  std::set<QualifiedName> moved;
  Whereabouts now(*work_);
  for (const OldTable& table : plan_.old_tables) {
    const bool kept = TRY(now.has(table.kept, table.name));
    const bool hidden = !table.hidden.empty() && TRY(now.has(table.schema, table.hidden));
    if (!kept && !hidden) continue;
    moved.insert({table.schema, table.name});
    // Somebody has made one meanwhile.
    if (TRY(now.has(table.schema, table.name))) {
      const std::string other = TRY(stray_name(now, table.kept));
      hide.push_back(move_of(table.schema, table.name, table.kept, other));
    }
    if (table.hidden.empty()) {
      back.push_back(move_of(table.kept, table.name, table.schema, table.name));
      continue;
    }
    if (!hidden) hide.push_back(move_of(table.kept, table.name, table.schema, table.hidden));
    options.tables[{table.schema, table.name}] = table.hidden;
    back.push_back(move_of(table.schema, table.hidden, table.schema, table.name));
  }
  if (!hide.empty()) TRY(work_->execute(rename_sql(hide)));
  for (const StoredDefinition& one : plan_.old_definitions) {
    const bool trigger = one.kind == "trigger" && moved.contains({one.schema, one.table});
    if (trigger || is_routine(one)) TRY(remake(one, options));
  }
  if (!back.empty()) TRY(work_->execute(rename_sql(back)));
  for (const char* kind : {"view", "event"}) {
    for (const StoredDefinition& one : plan_.old_definitions) {
      if (one.kind != kind) continue;
      const Result<void> made = remake(one, options);
      if (!made && one.valid) return made;
    }
  }
  return {};
}

Result<void> Switch::undo_schemas() {
  for (const Place& place : plan_.places) {
    const auto old = std::find_if(plan_.old_schemas.begin(), plan_.old_schemas.end(),
                                  [&](const Schema& schema) { return schema.name == place.to; });
    if (old != plan_.old_schemas.end()) {
      TRY(work_->execute("ALTER DATABASE " + quote_name(place.to) + " CHARACTER SET " +
                         old->charset + " COLLATE " + old->collation));
    }
    const bool ours = old == plan_.old_schemas.end() && place.staged != place.to;
    for (const std::string& schema : {place.kept, ours ? place.to : std::string()}) {
      if (schema.empty() || !TRY(tables_in(*work_, schema)).empty()) continue;
      TRY(work_->execute("DROP DATABASE IF EXISTS " + quote_name(schema)));
    }
  }
  return {};
}

}  // namespace stillpoint::database::mysql

// SPDX-License-Identifier: Apache-2.0
#include "database/mysql/source/snapshot.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <thread>

#include "base/text.h"

namespace stillpoint::database::mysql {
namespace {

using std::chrono::milliseconds;

// Of opening without a lock. In a window everybody waits for us, and a lock that can be had lasts
// for no longer than a round.
constexpr unsigned rounds_max = 30;
constexpr unsigned rounds_before_lock = 4;
constexpr milliseconds rounds_time{1500};
constexpr milliseconds lock_wait{200};   // others may queue behind us for so long
constexpr milliseconds lock_hold{1000};  // and then until the snapshots are open
constexpr unsigned lock_attempts_max = 5;
constexpr milliseconds lock_pause{150};  // in which those who queued go on

const std::string ask_position = "SHOW STATUS LIKE 'binlog_snapshot_%'";
const std::string start = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";
// Of one session that asks several times.
constexpr int readings = 3;
constexpr int readings_max = 50;
constexpr milliseconds confirm_time{5000};  // of one session

struct Position {
  std::string file;
  std::uint64_t offset = 0;
  auto operator<=>(const Position&) const = default;
};

Position position_of(const std::vector<Row>& rows) {
  Position position;
  for (const Row& row : rows) {
    if (row.text(0) == "Binlog_snapshot_file") position.file = row.text(1);
    if (row.text(0) == "Binlog_snapshot_position") position.offset = row.count(1);
  }
  return position;
}

// Where in the log the session's snapshot is. MariaDB (10.11.19) puts it into one place for all
// that ask at the same time, whoever they are, and may answer with another's: so sessions are asked
// one after another, and more than once.
Result<Position> told_by(Connection& session) {
  static std::mutex one_at_a_time;  // also of other databases on the same server
  const std::lock_guard lock(one_at_a_time);
  return position_of(TRY(session.query(ask_position)));
}

// ... and the last answers have to agree.
Result<Position> snapshot_position(Connection& session) {
  Position last = TRY(told_by(session));
  int agreed = 1;
  for (int left = readings_max; left > 0 && agreed < readings; --left) {
    Position next = TRY(told_by(session));
    agreed = next == last ? agreed + 1 : 1;
    last = std::move(next);
  }
  if (agreed == readings) return last;
  return fail(Error{Errc::busy, "the server does not say the same twice of where in its log it is",
                    "run the same command again"});
}

void note(Opened& opened, const Position& position) {
  opened.log_file = position.file;
  if (!position.file.empty()) opened.log_position = std::to_string(position.offset);
}

class Opener {
 public:
  Opener(std::vector<std::unique_ptr<Connection>>& readers, Connection& control,
         const ServerIdentity& identity, base::Deadline deadline)
      : readers_(readers),
        control_(control),
        identity_(identity),
        deadline_(deadline),
        positions_(readers.size()) {}

  Result<Opened> open(std::vector<Way> ways) {
    if (readers_.size() == 1) ways = {Way::one};
    rounds_max_ = ways.size() > 2 ? rounds_before_lock : rounds_max;
    for (const Way way : ways) {
      opened_.way = way;
      if (TRY(try_way(way))) {
        if (opened_.sessions == 0) opened_.sessions = static_cast<unsigned>(readers_.size());
        return opened_;
      }
    }
    return fail(Error{Errc::busy, "no snapshot could be opened in the time allowed",
                      "run the same command again"});
  }

 private:
  Result<bool> try_way(Way way) {
    switch (way) {
      case Way::position:
        return by_position();
      case Way::backup_stage:
        return under_lock("BACKUP STAGE START; BACKUP STAGE BLOCK_COMMIT", "BACKUP STAGE END");
      case Way::read_lock:
        return under_lock("FLUSH TABLES WITH READ LOCK", "UNLOCK TABLES");
      case Way::one:
        break;
    }
    return keep_largest_group();
  }

  // On all sessions at once.
  Result<void> start_all(const base::Deadline& limit) {
    std::vector<std::size_t> asked;
    Result<void> outcome;
    for (std::size_t i = 0; i < readers_.size() && outcome; ++i) {
      readers_[i]->limit(limit);
      outcome = readers_[i]->send(start);
      if (outcome) asked.push_back(i);
    }
    for (const std::size_t i : asked) {
      auto rows = readers_[i]->answer();
      readers_[i]->unlimit();
      if (!rows && outcome) outcome = fail(std::move(rows.error()));
    }
    return outcome;
  }

  Result<std::vector<Position>> read_positions() {
    std::vector<Position> told;
    for (const auto& reader : readers_) {
      reader->limit(deadline_);
      auto position = told_by(*reader);
      reader->unlimit();
      told.push_back(TRY(std::move(position)));
    }
    return told;
  }

  bool all_the_same() const {
    const Position& first = positions_.front();
    return !first.file.empty() && std::all_of(positions_.begin(), positions_.end(),
                                              [&](const Position& one) { return one == first; });
  }

  // Snapshots at the same place in the log are the same: they are opened again until nobody has
  // committed meanwhile. Each is asked once: confirm_snapshot() makes sure of the answers.
  Result<bool> by_position() {
    const base::Deadline enough(std::min<base::Duration>(rounds_time, deadline_.left() / 2));
    for (opened_.rounds = 1;; ++opened_.rounds) {
      TRY(start_all(deadline_));
      positions_ = TRY(read_positions());
      if (all_the_same()) {
        note(opened_, positions_.front());
        return true;
      }
      if (opened_.rounds >= rounds_max_ || enough.passed()) return false;
    }
  }

  // Whoever writes queues behind a lock that waits: so it is only asked for when it is likely to be
  // had at once, and given up soon.
  Result<bool> under_lock(const std::string& lock, const std::string& unlock) {
    const bool everybody_waits = opened_.way == Way::read_lock;
    // Whatever becomes of us, the server lets go by itself.
    const std::string guard = "SET SESSION lock_wait_timeout = 1, wait_timeout = 2; ";
    const std::string relax = "; SET SESSION lock_wait_timeout = 60, wait_timeout = 86400";
    for (unsigned attempt = 0; attempt < lock_attempts_max; ++attempt) {
      if (attempt > 0) std::this_thread::sleep_for(lock_pause);
      if (deadline_.left() < lock_wait + lock_hold) return false;
      if (everybody_waits && long_statement_runs()) continue;
      ++opened_.lock_attempts;
      const auto asked = std::chrono::steady_clock::now();
      control_.limit(base::Deadline(lock_wait));
      const Result<void> locked = control_.execute(guard + lock);
      control_.limit(base::Deadline(lock_hold));
      Result<void> started;
      if (locked) started = start_all(base::Deadline(lock_hold));
      if (locked && started) started = note_locked();
      const Result<void> released = control_.execute(unlock + relax);
      control_.unlimit();
      opened_.held =
          std::max<base::Duration>(opened_.held, std::chrono::steady_clock::now() - asked);
      if (!control_.usable()) return fail(Error(released.error()).during("let go of the lock"));
      if (!locked) continue;
      TRY(std::move(started));
      // A lock that did not last until here proves nothing.
      if (released) return true;
    }
    return false;
  }

  // Only commits of engines' own transactions may be under way; a statement that runs for long
  // would not let FLUSH TABLES go on.
  bool long_statement_runs() {
    control_.limit(base::Deadline(lock_wait));
    const auto found = control_.value(
        "SELECT COUNT(*) FROM information_schema.processlist WHERE command = 'Query' AND time >= 1"
        " AND id <> CONNECTION_ID() AND user <> 'system user' AND user <> 'event_scheduler'");
    control_.unlimit();
    return found && *found != "0";
  }

  // Under a lock all have the same position, and the log does not grow. MariaDB's snapshots tell it
  // later.
  Result<void> note_locked() {
    if (identity_.mariadb || !identity_.binary_log) return {};
    const auto rows = control_.query(log_status_sql(identity_));
    if (!rows || rows->empty()) return {};
    opened_.log_file = rows->front().text("File");
    opened_.log_position = rows->front().text("Position");
    opened_.gtids = rows->front().text("Executed_Gtid_Set");
    return {};
  }

  // Those that happen to agree; at the very least one.
  Result<bool> keep_largest_group() {
    std::map<Position, std::vector<std::size_t>> groups;
    const bool comparable = identity_.mariadb && identity_.log_sees_all;
    for (std::size_t i = 0; comparable && i < positions_.size(); ++i) {
      if (!positions_[i].file.empty()) groups[positions_[i]].push_back(i);
    }
    const auto largest = std::max_element(
        groups.begin(), groups.end(),
        [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); });
    if (largest != groups.end()) {
      note(opened_, largest->first);
      std::vector<std::unique_ptr<Connection>> kept;
      for (const std::size_t i : largest->second) kept.push_back(std::move(readers_[i]));
      for (std::unique_ptr<Connection>& reader : readers_) {
        if (reader) kept.push_back(std::move(reader));
      }
      readers_ = std::move(kept);
      opened_.sessions = static_cast<unsigned>(largest->second.size());
    } else {
      Connection& only = *readers_.front();
      only.limit(deadline_);
      TRY(only.execute(start));
      only.unlimit();
      opened_.sessions = 1;
    }
    for (std::size_t i = opened_.sessions; i < readers_.size(); ++i) {
      TRY(readers_[i]->execute("ROLLBACK"));
    }
    return true;
  }

  std::vector<std::unique_ptr<Connection>>& readers_;
  Connection& control_;
  const ServerIdentity& identity_;
  base::Deadline deadline_;
  unsigned rounds_max_ = rounds_max;
  std::vector<Position> positions_;
  Opened opened_;
};

}  // namespace

std::string_view name_of(Way way) {
  switch (way) {
    case Way::position:
      return "binlog_snapshot";
    case Way::backup_stage:
      return "backup_stage";
    case Way::read_lock:
      return "read_lock";
    case Way::one:
      break;
  }
  return "one_session";
}

std::vector<Way> ways_for(const ServerIdentity& identity, const Grants& grants) {
  std::vector<Way> ways;
  if (identity.mariadb && identity.log_sees_all) ways.push_back(Way::position);
  if (grants.everywhere("RELOAD")) {
    ways.push_back(identity.mariadb ? Way::backup_stage : Way::read_lock);
  }
  ways.push_back(Way::one);
  return ways;
}

Result<void> rehearse_snapshot(Connection& reader, const ServerIdentity& identity) {
  TRY(reader.execute(start));
  if (identity.mariadb) TRY(reader.query(ask_position));
  return reader.execute("COMMIT");
}

Result<Opened> open_snapshot(std::vector<std::unique_ptr<Connection>>& readers, Connection& control,
                             const ServerIdentity& identity, const std::vector<Way>& ways,
                             base::Deadline deadline) {
  return Opener(readers, control, identity, deadline).open(ways);
}

Result<void> confirm_snapshot(const std::vector<std::unique_ptr<Connection>>& readers,
                              const ServerIdentity& identity, Opened& opened) {
  if (!identity.mariadb) return {};
  // Where they have been compared, each; else one of them tells where they all are.
  const bool compared = !opened.log_file.empty();
  for (unsigned i = 0; i < (compared ? opened.sessions : 1); ++i) {
    readers[i]->limit(base::Deadline(confirm_time));
    const Result<Position> told = snapshot_position(*readers[i]);
    readers[i]->unlimit();
    const Position position = TRY(told);
    if (!compared) {
      note(opened, position);
    } else if (position.file != opened.log_file ||
               std::to_string(position.offset) != opened.log_position) {
      return fail(Error{Errc::busy, "the sessions did not open the same snapshot",
                        "run the same command again"});
    }
  }
  return {};
}

Result<std::string> log_end(Connection& session) {
  TRY(session.execute(start));
  const Position position = TRY(snapshot_position(session));
  TRY(session.execute("COMMIT"));
  return position.file + ":" + std::to_string(position.offset);
}

}  // namespace stillpoint::database::mysql

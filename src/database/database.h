// SPDX-License-Identifier: Apache-2.0
// What a database has to be able to do to be backed up. (Restoring: target.h. How other kinds of
// databases fit: docs/decisions/0008-what-a-database-is.md.)
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/helper.h"
#include "base/result.h"
#include "database/address.h"
#include "database/row_source.h"

namespace stillpoint::database {

// What a kind of database can do; printed in the manifest, never hidden.
struct Capabilities {
  bool snapshot = false;      // open() gives one consistent view of everything
  bool writers_wait = false;  // ... and others cannot commit while that view is open
  bool write_mark = false;    // write_mark() tells whether anybody wrote
  bool hold_writes = false;   // hold_writes() works here: the commit gate's lock
  bool choice = false;        // ReadOptions::choice may be of some tables
  bool behind = false;        // what was committed elsewhere may show late: it is a standby, say
  unsigned readers = 1;       // so many read() may run at once
};

// How the bytes of a part change from one backup to the next: decides where they are cut.
struct Layout {
  std::uint64_t bytes_estimate = 0;
  std::uint32_t page_bytes = 0;  // changed in place, in pages of this size; 0: a stream
};

// What one worker streams: a range of an object. Plain data, so that it can be sent to where the
// bytes are.
struct Part {
  std::string path = {};  // in the backup, below the database's folder: "data/bank.db"
  Layout layout = {};
};

// What was read: small, plain, and adds up over the parts of an object. On a cluster the node that
// reads returns it.
struct Receipt {
  std::optional<std::uint64_t> rows = {};
  std::optional<std::uint64_t> checksum = {};
};

// A table, a file, a schema: something that a person would name.
struct Object {
  std::string kind = {};                   // "table", "file", "schema"
  std::string name = {};                   // as the database spells it: "public.accounts"
  std::optional<std::uint64_t> rows = {};  // once all parts are read, or set by count()
  // Of the same rows in any order: the sum, modulo 2^64, of a hash of each row in the database's
  // bulk format (docs/formats/manifest.md). Where the kind computes it.
  std::optional<std::uint64_t> checksum = {};
  std::vector<Part> parts = {};  // empty: its bytes are part of another object

  void add(const Receipt& receipt);  // of one of its parts
};

// A fact about the database that helps whoever restores it: "page_size" = "4096".
struct Setting {
  std::string name = {};
  std::string value = {};
};

// The instant that the backup of one database stands for.
struct RestorePoint {
  std::string kind = "snapshot";  // or log_position, clock_time, logical_timestamp
  std::string position = {};      // in the database's own words: "736:738:736 at 0/1A2B3C"
};

// The time during which all snapshots were opened, on this machine's clock.
struct Window {
  base::Time begin = {};
  base::Time end = {};
};

// Which tables a backup takes, by their names ("public.accounts") or patterns ("public.*").
struct Choice {
  std::vector<std::string> tables = {};   // empty: all
  std::vector<std::string> exclude = {};  // of them
  bool everything() const { return tables.empty() && exclude.empty(); }
};

struct ReadOptions {
  unsigned readers = 0;  // 0: as many as the kind thinks best
  Choice choice = {};
  bool rows_only = false;  // no definitions are wanted: what it takes to have them may be left out
  base::Duration lock_wait = std::chrono::seconds(10);   // for locks that keep tables in place
  base::Duration snapshot_max = std::chrono::hours(24);  // a view open longer than that is given up
};

// Receives the bytes of one part. Pieces may come in any order; together they cover every byte from
// 0 to the end exactly once. Called from one thread.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual Result<void> write(std::uint64_t offset, ByteView bytes) = 0;
};

// Holds writes to some tables still: from take() on nobody else inserts, updates or deletes there.
// Destruction lets go without an answer. Whatever becomes of us, the server lets go by itself once
// the time given to prepare_hold() is over. The database outlives it.
class Hold {
 public:
  virtual ~Hold() = default;
  // Keeps writers off; waits for it until the deadline, and then fails with `busy`, naming who is
  // in the way. Proves, from a second connection, that writers are kept off. Once.
  virtual Result<void> take(base::Deadline deadline) = 0;
  // Lets go. An answer without error is the proof that the hold was there the whole time; after any
  // error it proves nothing.
  virtual Result<void> release() = 0;
};

// One database, about to be backed up. The members are called in this order, from one thread unless
// said otherwise; destruction lets go of everything, whatever has happened before.
// Promises, checked by tests/conformance/database_test.cpp for every kind:
//   1. What read() streams is the state at open(): later commits do not show, in no part.
//   2. open() does constant work and never waits longer than its deadline.
//   3. Nothing in the database is changed, and nothing is left behind in it.
//   4. The parts are disjoint and complete; the same snapshot read twice gives the same bytes.
//   5. A stop request ends prepare(), read() and count() soon, with `cancelled`.
//   6. A hold keeps others from writing until it is released, and no longer than it may.
//   7. Every row of a watched table is shown once, as it was at open().
class Database : public RowSource {
 public:
  virtual std::string url() const = 0;  // never with a secret
  // Connects; checks identity, access, rights and that this is such a database; lists what there is
  // and takes the locks that keep it from being dropped. Everything that may take long.
  virtual Result<void> prepare(std::stop_token stop) = 0;
  // From here on valid (after prepare()):
  virtual Capabilities capabilities() const = 0;
  virtual std::vector<Setting> settings() const = 0;
  // What read() will stream, about.
  virtual std::uint64_t bytes_estimate() const = 0;
  // What a user should know before a backup: "writers wait while it is read: use WAL".
  virtual std::vector<std::string> warnings() const = 0;
  // What was asked for and cannot be had, by name. A backup without it ends with an exit code of
  // its own.
  virtual std::vector<std::string> left_out() const { return {}; }
  // A value that differs from an earlier one when anybody committed in between. It is read on a
  // connection of its own and may be asked for before open() and after.
  virtual Result<std::string> write_mark() = 0;
  // What keeps writers off these tables, for `hold_max` at most. Everything that may be done before
  // is done here: connecting, looking for the tables, rights. Nothing is held yet. Before open().
  virtual Result<std::unique_ptr<Hold>> prepare_hold(const std::vector<std::string>& tables,
                                                     base::Duration hold_max);
  // The same, taken.
  Result<std::unique_ptr<Hold>> hold_writes(const std::vector<std::string>& tables,
                                            base::Deadline deadline, base::Duration hold_max);
  // look_up() and watch() (row_source.h), the latter before open(): read() and count() show the
  // rows.
  virtual Result<void> open(base::Deadline deadline) = 0;
  // What is left of the opening for when nobody waits for it. `busy`: whether the snapshot is one
  // remained in doubt, and another opening may do better. Whoever opens several databases at once
  // asks each before reading any; else the next call below sees to it.
  virtual Result<void> confirm() { return {}; }
  // What the open snapshot stands for. Services that learn it only minutes later wait here.
  virtual Result<RestorePoint> point(const Window& window) = 0;
  // Of the snapshot. Objects whose parts lie below "schema/" come first. Without row counts.
  virtual Result<std::vector<Object>> objects() = 0;
  // Called by up to capabilities().readers threads at once.
  virtual Result<Receipt> read(const Part& part, Sink& sink, std::stop_token stop) = 0;
  // Sets `rows` of those tables that no receipt has told of, from the snapshot. Reads as much of it
  // as that takes.
  virtual Result<void> count(std::vector<Object>& objects, std::stop_token stop) = 0;
};

// Some kinds start this program once more to hold something (base/helper.h): then it does that, and
// returns the exit code. None for the roles of others.
std::optional<int> run_as_helper(const base::HelperRole& role);

}  // namespace stillpoint::database

// SPDX-License-Identifier: Apache-2.0
// What a database has to be able to do to be restored: stage, verify, switch.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "database/database.h"
#include "database/point_marker.h"
#include "database/stored_rows.h"
#include "database/switchover.h"

namespace stillpoint::database {

// What stands where the restored data will go.
struct Existing {
  bool exists = false;
  std::uint64_t bytes = 0;
  std::string description = {};           // "/srv/bank.db (12.0 MiB, written 2026-11-21 08:30:00)"
  std::vector<std::string> used_by = {};  // processes or sessions that use it: "4711 (bank)"
};

// A table to be restored, perhaps under another name.
struct TableChoice {
  std::string table = {};  // as the backup names it: "public.accounts"
  std::string as = {};     // empty: under the same name
};

struct RestoreOptions {
  unsigned writers = 0;  // 0: as many as the kind thinks best
  // Empty: the whole database, which then replaces what exists. Else these tables are added to the
  // database that exists, and nothing is replaced.
  std::vector<TableChoice> tables = {};
  bool force = false;      // cut the connections of those who use the old data
  bool resume = false;     // go on with what a killed restore of the same backup has staged
  bool in_place = false;   // fill the existing, empty database instead of replacing it
  bool no_owner = false;   // everything belongs to who restores; no privileges
  bool read_back = false;  // verify() reads every staged row again
};

// What a backup says of the database.
struct Content {
  std::string backup = {};  // its id: staged data is of one backup
  std::uint64_t bytes = 0;
  std::vector<Setting> settings = {};
  std::vector<Object> objects = {};     // with row counts, without parts
  std::vector<std::string> paths = {};  // of the parts, as Database::objects() named them
};

// The place that a restored database goes to. The members are called in the order below, from one
// thread unless said otherwise; destruction before swap() discards what was staged and lifts the
// fence. Meanwhile no Database of this process has the same place open.
// Promises, checked by tests/conformance/database_test.cpp for every kind:
//   1. Until swap(), nothing that exists is changed; a failure or kill before it leaves it so.
//   2. swap() is one switch: afterwards either the old data or the new is there, never a mixture,
//      and never is a log or journal of the old data applied to the new.
//   3. The old data is kept under the name that swap() returns.
//   4. fence() fails with `busy`, naming who, while somebody uses the old data.
//   5. What a killed restore leaves behind is found by leftovers(), and prepare() with
//      options.resume goes on with it where the kind can.
class Target {
 public:
  virtual ~Target() = default;
  virtual Result<Existing> inspect() = 0;
  // Makes a staging place beside the target, with room for the content or else no_space.
  virtual Result<void> prepare(const Content& content, std::stop_token stop) = 0;
  // So many stage() of parts outside of "schema/" may be under way at once. After prepare().
  virtual unsigned writers() const = 0;
  // Whether this part is needed: not where it was staged before, or is of no table that was chosen.
  virtual bool wants(const std::string& path) const = 0;
  // Where the bytes of one part of the backup go; durable when finish() has returned. Parts below
  // "schema/" are staged first, one after another, in the order of the backup; then the others, by
  // up to writers() threads. Pieces may come in any order only where the kind's parts have pages.
  class StagedPart : public Sink {
   public:
    virtual Result<void> finish() = 0;
  };
  virtual Result<std::unique_ptr<StagedPart>> stage(const std::string& path, std::uint64_t bytes,
                                                    std::stop_token stop) = 0;
  // All parts are there: makes what is made after the data (indexes, constraints, statistics).
  virtual Result<void> complete(std::stop_token stop) = 0;
  // Holds the staged data against its own rules and against what the backup says of it (tables, row
  // counts, checksums). `corrupt` where they differ.
  virtual Result<void> verify(std::stop_token stop) = 0;
  virtual Result<void> fence() = 0;
  // Returns where the old data is kept, empty where there was none.
  virtual Result<std::string> swap() = 0;
  virtual Result<void> unfence() = 0;
  // Removes what was staged; after swap() or hand_over() it does nothing.
  virtual Result<void> discard() = 0;
  // Instead of fence() to unfence(), where several databases are switched together: what was
  // verified outlives this object, and Kind::open_switchover takes the ticket. JSON, without
  // secrets. Only of a target that replaces what exists.
  virtual Result<std::string> hand_over();
};

// Something that Stillpoint made beside a database and that is no longer needed, or perhaps not.
struct Leftover {
  enum class What { staged, kept };  // by an unfinished restore; the old data of a finished one
  What what = What::staged;
  std::string name = {};         // what remove() takes: "bank_before_20261121T083000Z"
  std::string description = {};  // "database bank_before_20261121T083000Z (12.0 MiB)"
  std::uint64_t bytes = 0;
  bool in_use = false;  // somebody works with it: it is not removed
  bool ready = false;   // of what is staged: nothing is missing but the switch
};

// A kind of database: one line in the table of kinds.cpp.
struct Kind {
  std::string_view name;
  std::vector<std::string_view> schemes;  // of its URLs
  Result<std::unique_ptr<Database>> (*open)(const Address& address, const ReadOptions& options);
  Result<std::unique_ptr<Target>> (*open_target)(const Address& address,
                                                 const RestoreOptions& options);
  // The URL as it may be shown and kept: without secrets.
  std::string (*shown)(std::string_view url);
  // The same for every spelling of the same place; it may be shown, too.
  std::string (*identity)(std::string_view url);
  // Where a drill stages: a URL that does not disturb the original. Files may go to `path`, which
  // nobody else uses.
  std::string (*scratch)(std::string_view url, const std::string& path);
  Result<std::unique_ptr<Switchover>> (*open_switchover)(const Address& address,
                                                         const std::string& ticket);
  Result<std::vector<Leftover>> (*leftovers)(const Address& address);
  Result<void> (*remove)(const Address& address, const Leftover& leftover);
  // The tables whose rows are stored as text in a backup (stored_rows.h); null where a file is
  // stored that scratch() can be opened on.
  Result<std::vector<StoredTable>> (*stored_tables)(const StoredParts& parts, std::stop_token stop);
  // `unsupported` for kinds without a log that databases are restored by.
  Result<std::unique_ptr<PointMarker>> (*open_marker)(const Address& address);
};

// The kind that a URL names, or `unsupported` with what there is. A path of an existing file, or
// one that ends in .db, .sqlite or .sqlite3, is an SQLite database.
Result<const Kind*> kind_of(std::string_view url);
Result<const Kind*> kind_named(std::string_view name);
// Whether two URLs name the same database.
bool same_place(std::string_view one, std::string_view other);

}  // namespace stillpoint::database

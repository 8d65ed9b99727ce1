// SPDX-License-Identifier: Apache-2.0
// What a database has to be able to do to be restored: stage, verify, switch.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "database/database.h"

namespace stillpoint::database {

// What stands where the restored data will go.
struct Existing {
  bool exists = false;
  std::uint64_t bytes = 0;
  std::string description = {};           // "/srv/bank.db (12.0 MiB, written 2026-11-21 08:30:00)"
  std::vector<std::string> used_by = {};  // processes that have it open: "4711 (bank)"
};

// The place that a restored database goes to. The members are called in the order below from one
// thread (write() of several sinks may run in parallel); destruction before swap() discards what
// was staged and lifts the fence. Meanwhile no Database of this process has the same place open.
// Promises, checked by tests/conformance/database_test.cpp for every kind:
//   1. Until swap(), nothing that exists is changed; a failure or kill before it leaves it so.
//   2. swap() is one switch: afterwards either the old data or the new is there, never a mixture,
//      and never is a log or journal of the old data applied to the new.
//   3. The old data is kept under the name that swap() returns.
//   4. fence() fails with `busy`, naming who, while somebody uses the old data.
class Target {
 public:
  virtual ~Target() = default;
  virtual Result<Existing> inspect() = 0;
  // Makes a staging place beside the target, with room for `bytes` or else no_space.
  virtual Result<void> prepare(std::uint64_t bytes) = 0;
  // Where the bytes of one part of the backup go; durable when finish() has returned.
  class StagedPart : public Sink {
   public:
    virtual Result<void> finish() = 0;
  };
  virtual Result<std::unique_ptr<StagedPart>> stage(const std::string& path,
                                                    std::uint64_t bytes) = 0;
  // Holds the staged data against its own rules and against what the backup says of it (tables and
  // row counts). `corrupt` where they differ.
  virtual Result<void> verify(const std::vector<Object>& expected, std::stop_token stop) = 0;
  virtual Result<void> fence() = 0;
  // Returns where the old data is kept, empty where there was none.
  virtual Result<std::string> swap() = 0;
  virtual Result<void> unfence() = 0;
  // Removes what was staged; after swap() it does nothing.
  virtual Result<void> discard() = 0;
};

// A kind of database: one line in the table of kinds.cpp.
struct Kind {
  std::string_view name;
  std::vector<std::string_view> schemes;  // of its URLs
  Result<std::unique_ptr<Database>> (*open)(std::string_view url);
  Result<std::unique_ptr<Target>> (*open_target)(std::string_view url);
};

// The kind that a URL names, or `unsupported` with what there is. A path of an existing file, or
// one that ends in .db, .sqlite or .sqlite3, is an SQLite database.
Result<const Kind*> kind_of(std::string_view url);
Result<const Kind*> kind_named(std::string_view name);

}  // namespace stillpoint::database

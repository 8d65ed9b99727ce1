// SPDX-License-Identifier: Apache-2.0
// What a database has to be able to do to be backed up. (Restoring: target.h.)
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"

namespace stillpoint::database {

// What a kind of database can do; printed in the manifest, never hidden.
struct Capabilities {
  bool snapshot = false;      // open() gives one consistent view of everything
  bool writers_wait = false;  // ... and others cannot commit while that view is open
  bool write_mark = false;    // write_mark() tells whether anybody wrote
};

// How the bytes of a part change from one backup to the next: decides where they are cut.
struct Layout {
  std::uint64_t bytes_estimate = 0;
  std::uint32_t page_bytes = 0;  // changed in place, in pages of this size; 0: a stream
};

// What one worker streams: a range of an object.
struct Part {
  std::string path = {};  // in the backup, below the database's folder: "data/bank.db"
  Layout layout = {};
};

// A table, a file, a schema: something that a person would name.
struct Object {
  std::string kind = {};                   // "table", "file", "schema"
  std::string name = {};                   // as the database spells it
  std::optional<std::uint64_t> rows = {};  // set by count()
  std::vector<Part> parts = {};            // empty: its bytes are part of another object
};

// A fact about the database that helps whoever restores it: "page_size" = "4096".
struct Setting {
  std::string name = {};
  std::string value = {};
};

// Receives the bytes of one part. Pieces may come in any order; together they cover every byte from
// 0 to the end exactly once. Called from one thread.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual Result<void> write(std::uint64_t offset, ByteView bytes) = 0;
};

// One database, about to be backed up. The members are called in this order, from one thread unless
// said otherwise; destruction lets go of everything, whatever has happened before.
// Promises, checked by tests/conformance/database_test.cpp for every kind:
//   1. What read() streams is the state at open(): later commits do not show, in no part.
//   2. open() does constant work and never waits longer than its deadline.
//   3. Nothing in the database is changed, and nothing is left behind in it.
//   4. read() covers every byte once; the same snapshot read twice gives the same bytes.
//   5. A stop request ends read() and count() soon, with `cancelled`.
class Database {
 public:
  virtual ~Database() = default;
  virtual std::string kind() const = 0;  // "sqlite"
  virtual std::string url() const = 0;   // never with a secret
  // Connects; checks identity, access and that this is such a database; nothing is held yet.
  virtual Result<void> prepare(std::stop_token stop) = 0;
  // From here on valid (after prepare()):
  virtual Capabilities capabilities() const = 0;
  virtual std::vector<Setting> settings() const = 0;
  // What a user should know before a backup: "writers wait while it is read: use WAL".
  virtual std::vector<std::string> warnings() const = 0;
  // A value that differs from an earlier one when anybody committed in between. It is read on a
  // connection of its own and may be asked for before open() and after.
  virtual Result<std::string> write_mark() = 0;
  virtual Result<void> open(base::Deadline deadline) = 0;
  // Of the snapshot. Without row counts.
  virtual Result<std::vector<Object>> objects() = 0;
  virtual Result<void> read(const Part& part, Sink& sink, std::stop_token stop) = 0;
  // Sets `rows` of every table from the snapshot. Reads as much of it as that takes.
  virtual Result<void> count(std::vector<Object>& objects, std::stop_token stop) = 0;
};

}  // namespace stillpoint::database

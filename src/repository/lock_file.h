// SPDX-License-Identifier: Apache-2.0
// locks/<id>: what a lock says of its holder. restic's fields, and ours, which restic passes over.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "repository/host.h"
#include "repository/repository.h"

namespace stillpoint::repository {

struct LockFile {
  base::Time time = {};  // when this file was written; it is replaced every few minutes
  bool exclusive = false;
  Host host = {};
  std::string program = {};              // "stillpoint"; restic does not say
  std::string work = {};                 // "backup", "read", "prune", …
  std::optional<base::Time> began = {};  // the same in all files of one lock; restic does not say
  std::string step = {};                 // "switch" while prune replaces index files

  bool ours() const { return program == "stillpoint"; }
  // Exclusive towards restic, while our own readers and writers may begin.
  bool switches() const { return ours() && step == "switch"; }
  // Rewrites the index: one at a time.
  bool prunes() const { return ours() && (work == "prune" || work == "repair"); }
};

std::string encode_lock(const LockFile& lock);
Result<LockFile> decode_lock(ByteView text);

// Nobody waits for a stale lock: not refreshed for half an hour, or of a process of this host that
// is no more.
bool is_stale(const LockFile& lock, const Host& here, base::Time now);
// "process 4711 of root on vm (backup)"
std::string holder_of(const LockFile& lock);
Error locked_by(const LockFile& lock);

struct FoundLock {
  Id id = {};
  LockFile lock = {};
};
// Every lock, stale ones too; those that are released meanwhile are left out.
Result<std::vector<FoundLock>> list_locks(const Repository& repository);

}  // namespace stillpoint::repository

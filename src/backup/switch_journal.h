// SPDX-License-Identifier: Apache-2.0
// What a switch of several databases leaves behind when it is interrupted, so that it is completed
// or undone: docs/formats/switch.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "repository/repository.h"

namespace stillpoint::backup {

struct SwitchEntry {
  std::string name = {};  // of the database in the backup
  std::string kind = {};
  std::string url = {};     // without secrets
  std::string ticket = {};  // for Kind::open_switchover
};

struct SwitchJournal {
  std::string id = {};
  std::string backup = {};  // its id
  std::string host = {};    // who makes the switch
  std::uint64_t pid = 0;
  base::Time begun = {};
  std::vector<SwitchEntry> databases = {};

  // Whether the process that began it is still there; it is not known of other hosts'.
  bool is_at_work() const;
};

std::string encode_journal(const SwitchJournal& journal);
Result<SwitchJournal> decode_journal(ByteView text);

// Journals are kept twice: in the state folder, and sealed in the repository, so that another
// machine can go on where this one is lost.
class SwitchJournals {
 public:
  // `repository` may be null: then they are in the folder only.
  SwitchJournals(std::string state_folder, repository::Repository* repository)
      : folder_(std::move(state_folder)), repository_(repository) {}

  // Lasting when it returns. A repository that cannot be written to is named in the log.
  Result<void> write(const SwitchJournal& journal) const;
  Result<std::vector<SwitchJournal>> list() const;
  // Where the repository's copy cannot be removed, the folder's stays, too.
  Result<void> remove(const std::string& id) const;

 private:
  struct Stored;
  Result<std::vector<Stored>> stored() const;

  const std::string folder_;
  repository::Repository* const repository_;
};

}  // namespace stillpoint::backup

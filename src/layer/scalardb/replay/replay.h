// SPDX-License-Identifier: Apache-2.0
// Consensus Commit's recovery, replayed over every record of a system without changing any: what
// each unfinished record would become, and which records contradict the coordinator. Memory is
// bounded whatever the size: facts are sorted on disk by transaction and judged one transaction
// after another.
//
// What is found: a record that is committed although its transaction was aborted, or is unknown to
// the coordinator (while others of the same transaction are only prepared: torn); an image from
// before of which the same is true; states and versions that ScalarDB does not write. What cannot
// be found here: a coordinator newer than a database, where the records that are missing have left
// nothing behind.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/external_sort.h"
#include "base/guarded.h"
#include "base/result.h"
#include "database/watch.h"
#include "layer/scalardb/replay/facts.h"

namespace stillpoint::layer::scalardb {

struct ReplayOptions {
  std::filesystem::path scratch = {};  // a folder for what does not fit into memory
  std::size_t memory_bytes = std::size_t{128} << 20;
  base::Time at = {};  // as if recovery happened then
  // A transaction without a state may be aborted by others so long after it prepared a record.
  std::chrono::milliseconds expiry = std::chrono::seconds(15);
};

// What is wrong with a record. `torn` weighs most; `without_state` may be right: a commit in one
// phase, another coordinator, or a row that was cleaned up.
enum class Wrong {
  torn,
  aborted,         // committed, but the coordinator says aborted
  before_aborted,  // the same of the image that it was made from
  without_state,
  before_without_state,
  state,    // none that ScalarDB writes
  version,  // not one more than that of the image before
  image,    // committed, but an image from before is still there
};
std::string_view name_of(Wrong wrong);

struct Suspect {
  Wrong wrong = Wrong::torn;
  std::uint64_t record = 0;  // record_hash()
  std::int64_t time = 0;     // of its fact
};

struct ReplayReport {
  std::uint64_t states = 0;     // of transactions, in coordinators
  std::uint64_t records = 0;    // with a transaction
  std::uint64_t imported = 0;   // never written by a transaction
  std::uint64_t committed = 0;  // and so is their transaction
  // Committed before the oldest state that is there was made: theirs may have been cleaned up.
  std::uint64_t older_than_states = 0;
  // What recovery would make of the unfinished ones.
  std::uint64_t forward = 0;       // committed, or deleted as the transaction wanted
  std::uint64_t back = 0;          // by a state that says aborted
  std::uint64_t expired = 0;       // without a state for too long: it is aborted, and they go back
  std::uint64_t unresolvable = 0;  // without a state, but not for long enough
  std::vector<std::uint64_t> wrong = {};  // how many, by Wrong
  std::vector<Suspect> suspects = {};     // the first of each kind
  std::uint64_t count(Wrong which) const { return wrong[static_cast<std::size_t>(which)]; }
};

// Watches may be called by several threads at once, and live as long as this; all rows come before
// judge(), which is called once.
class Replay {
 public:
  explicit Replay(ReplayOptions options);

  database::Watch coordinator(const std::string& table, bool group_commit);
  // `shown`: the table as ScalarDB names it.
  database::Watch records(const std::string& table, const std::string& shown,
                          const std::vector<std::string>& keys);
  Result<ReplayReport> judge();

 private:
  using Values = std::span<const database::Value>;
  struct Seen {
    explicit Seen(const ReplayOptions& options) : facts(options.scratch, options.memory_bytes) {}
    base::ExternalSort<Fact, ByTransaction> facts;
    ReplayReport report = {};
    std::int64_t oldest_state = std::numeric_limits<std::int64_t>::max();
    void suspect(Wrong wrong, std::uint64_t record, std::int64_t time);
  };

  Result<void> see_state(Values values);
  Result<void> see_record(const std::string& shown, Values values);
  static Result<void> see_committed(Seen& seen, std::uint64_t record, Values values);
  static Result<void> see_unfinished(Seen& seen, std::uint64_t record, FactKind kind,
                                     Values values);

  const ReplayOptions options_;
  base::Guarded<Seen> seen_;
};

}  // namespace stillpoint::layer::scalardb

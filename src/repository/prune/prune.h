// SPDX-License-Identifier: Apache-2.0
// Freeing the space of what no backup needs, in two phases, beside readers and writers at work.
// Why it is safe: docs/decisions/0015-two-phase-prune.md.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/limits.h"
#include "base/result.h"
#include "repository/repository.h"

namespace stillpoint::repository {

// What may stay of bytes that nobody needs, in packs that hold needed ones too: rewriting these
// costs more than the space is worth.
struct UnusedLimit {
  enum class Kind { bytes, percent, unlimited };
  Kind kind = Kind::percent;
  std::uint64_t bytes = 0;
  double percent = 5;  // of the repository as it will be
};
// "5%", "1GiB", "500M", "0", "unlimited"; `invalid` for anything else.
Result<UnusedLimit> unused_limit_named(std::string_view text);

struct PruneOptions {
  UnusedLimit unused_max = {};
  std::uint64_t repack_bytes_max = std::numeric_limits<std::uint64_t>::max();
  bool repack_small = false;
  // How long a retired pack is kept. Zero: what nobody needs is deleted at once; no other lock may
  // exist then, and nobody can begin meanwhile.
  std::chrono::nanoseconds grace = std::chrono::hours(24);
  bool dry_run = false;
  std::size_t pack_bytes = limits::pack_bytes_default;
  base::Duration switch_wait = limits::prune_switch_wait;  // for locks of restic to go
};

// Where whoever watches reads how far it is. `phase` may be empty.
struct PruneProgress {
  std::atomic<std::uint64_t>& bytes_total;
  std::atomic<std::uint64_t>& bytes_done;
  std::function<void(std::string)> phase = {};
};

struct PackSum {
  std::uint64_t packs = 0;
  std::uint64_t bytes = 0;
  void add(std::uint64_t size) {
    ++packs;
    bytes += size;
  }
};

// With dry_run: what would be done.
struct PruneReport {
  std::uint64_t backups = 0;
  std::uint64_t blobs_used = 0;
  std::uint64_t blobs_unused = 0;  // copies of used ones too
  PackSum before = {};             // in the storage at the beginning
  std::uint64_t bytes_unused = 0;  // of it, in packs of the index
  PackSum deleted = {};            // retired long enough ago, or at once with grace zero
  PackSum retired = {};            // now; rewritten ones and orphaned ones are among them
  PackSum orphaned = {};           // in no index: left by killed runs, or being written
  PackSum rewritten = {};          // their needed blobs were copied into new packs
  std::uint64_t bytes_copied = 0;
  std::uint64_t bytes_left_unused = 0;  // in packs that are kept
  PackSum rescued = {};                 // retired or orphaned, and named by the index again
  std::uint64_t packs_missing = 0;      // dropped from the index: gone, and needed by nobody
  PackSum waiting = {};                 // retired, now or before, and not deleted yet
  std::optional<base::Time> deleted_from = {};  // the first of those that wait may go then
  std::vector<std::string> held_up_by = {};     // locks for which what is due was not deleted
};

// `corrupt` where a backup needs something that is not there: nothing is changed then. `locked`
// where another prune is at work, or restic. Whenever it ends or is killed, every backup stays
// whole, and the next prune goes on.
Result<PruneReport> prune(Repository& repository, const PruneOptions& options,
                          PruneProgress progress, std::stop_token stop);

}  // namespace stillpoint::repository

// SPDX-License-Identifier: Apache-2.0
#include "repository/repair/repair_index.h"

#include <unordered_set>
#include <utility>

#include "repository/lock.h"
#include "repository/pack.h"
#include "repository/pack_check.h"
#include "repository/pack_reader.h"
#include "repository/prune/index_rewrite.h"
#include "repository/prune/usage.h"
#include "repository/retired.h"

namespace stillpoint::repository {
namespace {

class Repair {
 public:
  Repair(Repository& repository, const RepairIndexOptions& options, PruneProgress progress,
         std::stop_token stop)
      : repository_(repository),
        options_(options),
        progress_(std::move(progress)),
        stop_(std::move(stop)) {}

  Result<RepairIndexReport> run() {
    lock_ = TRY(Lock::acquire(repository_, LockKind::prune, stop_, "repair"));
    Result<void> done = run_locked();
    repository_.drop_index();
    TRY(std::move(done));
    return std::move(report_);
  }

 private:
  Result<void> run_locked() {
    TRY(look());
    TRY(check_indexed());
    TRY(add_others());
    if (options_.dry_run || !report_.changes()) return {};
    TRY_DURING("replace index files", lock_->begin_switch(options_.switch_wait, stop_));
    const IndexChanged changed = TRY(rewrite_index(repository_, *lock_, change_));
    report_.files_written = changed.written;
    report_.files_removed = changed.removed;
    return lock_->end_switch();
  }

  Result<void> look() {
    repository_.drop_index();  // unreadable files are not read twice
    Repository::Unreadable unreadable;
    TRY(repository_.load_index(stop_, &unreadable));
    for (const auto& [file, error] : unreadable) {
      change_.unreadable.push_back(file);
      report_.unreadable_indexes.push_back(file.hex() + ": " + error.message);
    }
    change_.files = repository_.index_files();
    for (const Id& file : change_.unreadable) change_.files.erase(file);
    change_.dropped.resize(repository_.index().pack_count());
    sizes_ = TRY(repository_.list_sizes(FileKind::pack));
    report_.packs = sizes_.size();
    std::vector<Id> damaged;
    for (const RetiredFile& file : TRY(load_retired(repository_, {}, &damaged))) {
      retired_.insert(file.retired.packs.begin(), file.retired.packs.end());
    }
    return {};
  }

  // Packs that an unreadable file named before it broke off may be in no other: their numbers are
  // known, but no file that stays names them.
  std::vector<bool> named_by_files() const {
    std::vector<bool> named(repository_.index().pack_count());
    for (const auto& [file, packs] : change_.files) {
      for (const std::uint32_t pack : packs) named[pack] = true;
    }
    return named;
  }

  Result<void> check_indexed() {
    const Index& index = repository_.index();
    const std::vector<bool> named = named_by_files();
    for (std::uint32_t number = 0; number < change_.dropped.size(); ++number) {
      const Id id = index.pack_id(number);
      const auto size = sizes_.find(id);
      if (size == sizes_.end()) {
        if (named[number]) report_.missing.push_back(id.hex());
        change_.dropped[number] = true;
        continue;
      }
      if (!named[number]) continue;  // added as any other that is in no index
      named_.insert(id);
      const std::vector<PackedBlob> blobs = index.blobs_of(number);
      if (!options_.read_all_packs && packed_bytes(blobs) == size->second) continue;
      auto header = TRY(read_header(id, size->second));
      if (!header || same_blobs(*header, blobs)) continue;
      change_.dropped[number] = true;
      change_.added.push_back({id, std::move(*header)});
      report_.corrected.add(size->second);
    }
    return {};
  }

  Result<void> add_others() {
    for (const auto& [id, bytes] : sizes_) {
      if (named_.contains(id)) continue;
      if (retired_.contains(id) && !options_.read_all_packs) {
        report_.retired.add(bytes);
        continue;
      }
      auto header = TRY(read_header(id, bytes));
      if (!header) continue;
      change_.added.push_back({id, std::move(*header)});
      report_.added.add(bytes);
    }
    return {};
  }

  // Nothing where the pack does not tell: it is named in the report, and left.
  Result<std::optional<std::vector<PackedBlob>>> read_header(const Id& id, std::uint64_t bytes) {
    if (stop_.stop_requested()) return fail(Errc::cancelled, "interrupted");
    if (report_.packs_read++ == 0 && progress_.phase) progress_.phase("read packs");
    auto header = read_pack_header(repository_, id, bytes);
    if (header) return std::optional(std::move(*header));
    if (header.error().code != Errc::corrupt) return fail(std::move(header.error()));
    report_.unreadable_packs.push_back(id.hex() + ": " + header.error().message);
    return std::optional<std::vector<PackedBlob>>();
  }

  Repository& repository_;
  const RepairIndexOptions options_;
  PruneProgress progress_;
  const std::stop_token stop_;
  RepairIndexReport report_;
  std::unique_ptr<Lock> lock_;
  IndexChange change_;
  PackSizes sizes_;
  std::unordered_set<Id> named_;  // by index files that can be read
  std::unordered_set<Id> retired_;
};

}  // namespace

Result<RepairIndexReport> repair_index(Repository& repository, const RepairIndexOptions& options,
                                       PruneProgress progress, std::stop_token stop) {
  return Repair(repository, options, std::move(progress), std::move(stop)).run();
}

}  // namespace stillpoint::repository

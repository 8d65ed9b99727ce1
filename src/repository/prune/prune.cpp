// SPDX-License-Identifier: Apache-2.0
#include "repository/prune/prune.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "repository/lock.h"
#include "repository/prune/index_rewrite.h"
#include "repository/prune/marks.h"
#include "repository/prune/plan.h"
#include "repository/prune/repack.h"
#include "repository/prune/rescue.h"
#include "repository/prune/sweep.h"
#include "repository/prune/usage.h"
#include "repository/retired.h"

namespace stillpoint::repository {
namespace {

// One run, step by step. The order is what makes it safe: reliance.h and decision 15.
class Pruning {
 public:
  Pruning(Repository& repository, const PruneOptions& options, PruneProgress progress,
          std::stop_token stop)
      : repository_(repository),
        options_(options),
        progress_(std::move(progress)),
        stop_(std::move(stop)) {}

  Result<PruneReport> run() {
    const bool alone = options_.grace.count() == 0 && !options_.dry_run;
    lock_ = TRY(
        Lock::acquire(repository_, alone ? LockKind::exclusive : LockKind::prune, stop_, "prune"));
    Result<void> done = run_locked(alone);
    repository_.drop_index();  // what it has in memory is not what is stored
    TRY(std::move(done));
    return std::move(report_);
  }

 private:
  Result<void> run_locked(bool alone) {
    TRY(look());
    Marks marks = TRY(find_needed());
    index_files_ = repository_.index_files();
    waiting_ = TRY(sweep(repository_, *lock_, sweep_, sizes_, options_, report_, stop_));
    TRY(make_plan(marks));
    if (options_.dry_run) return {};
    TRY(rewrite(marks));
    TRY(retire());
    TRY(switch_index(marks));
    return alone ? delete_at_once() : Result<void>();
  }

  void phase(std::string text) {
    if (progress_.phase) progress_.phase(std::move(text));
  }

  // Locks before the index: who has released its lock since has indexed what it needs. Backups
  // before the index: what they need was indexed before they became visible. Packs after the index:
  // what it names is there.
  Result<void> look() {
    phase("read the index");
    sweep_.others = TRY(lock_->others());
    sweep_.files = TRY(load_retired(repository_, {}, &damaged_));
    const std::vector<Record> records = TRY(repository_.records(stop_));
    for (const Record& record : records) {
      records_.insert(record.id);
      trees_.push_back(record.tree);
    }
    TRY(repository_.load_index(stop_));
    sizes_ = TRY(repository_.list_sizes(FileKind::pack));
    for (const auto& [pack, bytes] : sizes_) report_.before.add(bytes);
    report_.backups = records_.size();
    phase("find what backups need");
    return {};
  }

  Result<Marks> find_needed() {
    const PackSizes sound = without_damaged(sizes_, sweep_.files);
    return mark_needed(repository_, *lock_, trees_, sound, options_, report_, stop_);
  }

  Result<void> make_plan(Marks& marks) {
    packs_ = TRY(measure_packs(repository_, marks, sizes_));
    plan_ = plan_prune(packs_, options_);
    report_.blobs_used = marks.used().count();
    report_.blobs_unused = repository_.index().blob_count() - report_.blobs_used;
    report_.bytes_left_unused = plan_.bytes_left_unused;
    for (std::uint32_t number = 0; number < packs_.size(); ++number) count(number);
    find_orphans();
    return {};
  }

  void count(std::uint32_t number) {
    const PackUse& pack = packs_[number];
    report_.bytes_unused += pack.there ? pack.bytes_unused : 0;
    switch (plan_.fates[number]) {
      case Fate::keep:
        return;
      case Fate::drop:
        ++report_.packs_missing;
        return;
      case Fate::rewrite:
        report_.rewritten.add(pack.bytes);
        report_.bytes_copied += pack.bytes_used;
        to_rewrite_.push_back(number);
        break;
      case Fate::retire:
        break;
    }
    report_.retired.add(pack.bytes);
    to_retire_.push_back(repository_.index().pack_id(number));
  }

  // Never deleted at once: a writer may have stored one and not yet named it.
  void find_orphans() {
    for (const auto& [pack, bytes] : sizes_) {
      if (repository_.index().has_pack(pack) || waiting_.contains(pack)) continue;
      report_.orphaned.add(bytes);
      report_.retired.add(bytes);
      to_retire_.push_back(pack);
    }
    report_.waiting.packs += report_.retired.packs;
    report_.waiting.bytes += report_.retired.bytes;
    if (report_.retired.packs > 0 && !report_.deleted_from) {
      report_.deleted_from = repository_.now() + options_.grace;
    }
  }

  Result<void> rewrite(Marks& marks) {
    if (to_rewrite_.empty()) return {};
    phase("rewrite packs");
    progress_.bytes_total += report_.bytes_copied;
    Repacker repacker(repository_, *lock_, marks.used(), options_.pack_bytes);
    TRY(repacker.run(to_rewrite_, progress_, stop_));
    report_.bytes_copied = repacker.bytes_copied();
    return {};
  }

  // Before the switch, so that every writer learns of it in time.
  Result<void> retire() {
    if (!to_retire_.empty()) {
      TRY(lock_->still_held());
      std::sort(to_retire_.begin(), to_retire_.end());
      const Retired retired{repository_.now(), to_retire_, false};
      TRY(repository_.save_file(FileKind::retired, encode_retired(retired)));
    }
    // What these retired is in no index, and so was retired anew.
    for (const Id& file : damaged_) TRY(repository_.remove_file(FileKind::retired, file));
    return {};
  }

  Result<void> switch_index(Marks& marks) {
    IndexChange change;
    change.files = index_files_;
    change.dropped.resize(packs_.size());
    bool any = false;
    for (std::uint32_t number = 0; number < packs_.size(); ++number) {
      change.dropped[number] = plan_.fates[number] != Fate::keep;
      any = any || change.dropped[number];
    }
    if (!any) return {};
    phase("replace index files");
    TRY_DURING("replace index files", lock_->begin_switch(options_.switch_wait, stop_));
    TRY(spare_what_is_new(marks, change.dropped));
    TRY(rewrite_index(repository_, *lock_, change));
    return lock_->end_switch();
  }

  // What backups need that became visible since we began. Whoever makes one visible from now on
  // sees by itself what is retired.
  Result<void> spare_what_is_new(Marks& marks, std::vector<bool>& dropped) {
    std::vector<Id> trees;
    for (const Id& id : TRY(repository_.list_files(FileKind::record))) {
      if (records_.contains(id)) continue;
      const Result<Bytes> text = repository_.load_file(FileKind::record, id);
      if (!text && text.error().code == Errc::not_found) continue;
      if (!text) return fail(Error(text.error()));
      trees.push_back(TRY_DURING("backup " + id.brief(), decode_record(*text)).tree);
    }
    if (trees.empty()) return {};
    TRY(repository_.load_index_additions(stop_));
    TRY(marks.walk(trees, stop_));
    if (!marks.missing().empty()) return fail(missing_error(marks));
    const Index& index = repository_.index();
    for (std::uint32_t pack = 0; pack < dropped.size(); ++pack) {
      if (dropped[pack] && is_needed(index, marks.used(), pack)) dropped[pack] = false;
    }
    return {};
  }

  // Copies in new packs are what the index finds of blobs that were rewritten.
  static bool is_needed(const Index& index, const EntryBits& used, std::uint32_t pack) {
    const PackEntries entries = index.entries_of(pack);
    for (std::uint32_t entry = entries.first; entry < entries.first + entries.count; ++entry) {
      if (!used.test(entry)) continue;
      const PackedBlob blob = index.blob(entry);
      if (index.entry_of(blob.type, blob.id) == entry) return true;
    }
    return false;
  }

  // With the repository to ourselves.
  Result<void> delete_at_once() {
    phase("delete packs");
    repository_.drop_index();
    TRY(repository_.load_index(stop_));
    sizes_ = TRY(repository_.list_sizes(FileKind::pack));
    SweepInput all;
    all.files = TRY(load_retired(repository_, {}));
    report_.waiting = {};
    report_.deleted_from = {};
    TRY(sweep(repository_, *lock_, all, sizes_, options_, report_, stop_));
    return {};
  }

  Repository& repository_;
  const PruneOptions options_;
  PruneProgress progress_;
  const std::stop_token stop_;
  PruneReport report_;
  std::unique_ptr<Lock> lock_;

  SweepInput sweep_;
  std::vector<Id> damaged_;  // files of retired packs that cannot be read
  std::unordered_set<Id> records_;
  std::vector<Id> trees_;
  Repository::IndexFiles index_files_;  // as they were when it was loaded: others stay
  PackSizes sizes_;
  std::unordered_set<Id> waiting_;
  std::vector<PackUse> packs_;
  PrunePlan plan_;
  std::vector<std::uint32_t> to_rewrite_;
  std::vector<Id> to_retire_;
};

}  // namespace

Result<PruneReport> prune(Repository& repository, const PruneOptions& options,
                          PruneProgress progress, std::stop_token stop) {
  return Pruning(repository, options, std::move(progress), std::move(stop)).run();
}

}  // namespace stillpoint::repository

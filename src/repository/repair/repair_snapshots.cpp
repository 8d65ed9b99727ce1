// SPDX-License-Identifier: Apache-2.0
#include "repository/repair/repair_snapshots.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <unordered_set>
#include <utility>

#include "base/text.h"
#include "repository/backup_writer.h"
#include "repository/lock.h"
#include "repository/prune/marks.h"
#include "repository/prune/rescue.h"
#include "repository/repair/tree_repair.h"
#include "repository/retired.h"

namespace stillpoint::repository {
namespace {

class Repair {
 public:
  Repair(Repository& repository, const RepairSnapshotsOptions& options,
         const std::function<void(std::string)>& phase, std::stop_token stop)
      : repository_(repository), options_(options), phase_(phase), stop_(std::move(stop)) {}

  // Alone among those who rewrite the index: what is in it stays.
  Result<RepairSnapshotsReport> run() {
    lock_ = TRY(Lock::acquire(repository_, LockKind::prune, stop_, "repair"));
    Result<void> done = run_locked();
    repository_.drop_index();  // of a dry run, it names what no file names
    TRY(std::move(done));
    return std::move(report_);
  }

 private:
  Result<void> run_locked() {
    phase("read the index");
    TRY(read_records());
    const std::vector<Record> backups = chosen();
    repository_.drop_index();
    if (auto loaded = repository_.load_index(stop_); !loaded) {
      return fail(std::move(loaded.error()).advise("run first: stillpoint repair index"));
    }
    PackSizes sizes = TRY(repository_.list_sizes(FileKind::pack));
    phase("find what backups need");
    TRY(rescue(backups, sizes));
    trees_ = std::make_unique<TreeRepair>(repository_, std::move(sizes), stop_);
    for (const Record& record : backups) {
      phase("backup " + record.id.brief());
      ++report_.backups;
      TRY_DURING("backup " + record.id.brief(), repair(record));
    }
    return {};
  }

  void phase(std::string text) {
    if (phase_) phase_(std::move(text));
  }

  // One that cannot be read must not keep the others from being repaired.
  Result<void> read_records() {
    for (const Id& id : TRY(repository_.list_files(FileKind::record))) {
      if (stop_.stop_requested()) return fail(Errc::cancelled, "interrupted");
      const Result<Bytes> text = repository_.load_file(FileKind::record, id);
      if (!text && text.error().code == Errc::not_found) continue;  // forgotten in this moment
      if (!text && text.error().code != Errc::corrupt) return fail(Error(text.error()));
      Result<Record> record = fail(text ? Error() : Error(text.error()));
      if (text) record = decode_record(*text);
      if (!record) {
        report_.unreadable.push_back(id.hex() + ": " + record.error().message);
        continue;
      }
      record->id = id;
      all_.push_back(std::move(*record));
    }
    std::stable_sort(all_.begin(), all_.end(),
                     [](const Record& a, const Record& b) { return a.time < b.time; });
    return {};
  }

  std::vector<Record> chosen() const {
    if (options_.backups.empty()) return all_;
    const std::unordered_set<Id> wanted(options_.backups.begin(), options_.backups.end());
    std::vector<Record> backups;
    std::copy_if(all_.begin(), all_.end(), std::back_inserter(backups),
                 [&](const Record& record) { return wanted.contains(record.id); });
    return backups;
  }

  // Nothing is given up that only the index has forgotten.
  Result<void> rescue(const std::vector<Record>& backups, const PackSizes& sizes) {
    const std::vector<RetiredFile> retired = TRY(load_retired(repository_, {}));
    const PackSizes sound = without_damaged(sizes, retired);
    std::vector<Id> trees;
    for (const Record& record : backups) trees.push_back(record.tree);
    for (;;) {
      Marks marks(repository_);
      if (auto walked = marks.walk(trees, stop_); !walked) {
        return fail(
            std::move(walked.error()).advise("run first: stillpoint repair packs --damaged"));
      }
      if (marks.missing().empty()) return {};
      const PackSum named =
          TRY(name_holders(repository_, *lock_, marks.missing(), sound, options_.dry_run, stop_));
      report_.rescued.packs += named.packs;
      report_.rescued.bytes += named.bytes;
      if (named.packs != 0) continue;
      if (marks.missing().size() < Marks::missing_max) return {};
      return fail(Error{Errc::corrupt,
                        fmt::format("at least {} blobs that backups need are in no index",
                                    base::display_count(Marks::missing_max)),
                        "is all of the repository there? Then run first: stillpoint repair index"});
    }
  }

  Result<void> repair(const Record& record) {
    MendedTree seen = TRY(trees_->mend(record.tree, nullptr));
    if (seen.tree == record.tree) return {};
    RepairedBackup one;
    one.record = record;
    one.left_out = std::move(seen.left_out);
    one.all_lost = !seen.tree;
    if (seen.tree) {
      one.repaired = find_repaired(record.id, *seen.tree);
      one.was_there = one.repaired.has_value();
      if (!one.was_there && !options_.dry_run) one.repaired = TRY(write(record));
    }
    if (options_.forget && !options_.dry_run) {
      TRY(lock_->still_held());
      TRY_DURING("forget it", repository_.remove_file(FileKind::record, record.id));
      one.forgotten = true;
    }
    report_.damaged.push_back(std::move(one));
    return {};
  }

  // What an earlier run has made of it, while the original was kept.
  std::optional<Id> find_repaired(const Id& original, const Id& tree) const {
    const auto made = std::find_if(all_.begin(), all_.end(), [&](const Record& one) {
      return one.original == original && one.tree == tree;
    });
    return made == all_.end() ? std::nullopt : std::optional(made->id);
  }

  Result<Id> write(const Record& record) {
    const Bytes text = TRY(repository_.load_file(FileKind::record, record.id));
    const auto writer = TRY(BackupWriter::begin(repository_, options_.write, stop_));
    const MendedTree mended = TRY(trees_->mend(record.tree, &writer->blobs()));
    if (!mended.tree) return fail(Errc::unavailable, "its root folder vanished meanwhile");
    const std::string repaired =
        TRY(encode_repaired(text, record.id, *mended.tree, options_.tags(record)));
    return writer->finish_copy(repaired);
  }

  Repository& repository_;
  const RepairSnapshotsOptions& options_;
  const std::function<void(std::string)>& phase_;
  const std::stop_token stop_;
  RepairSnapshotsReport report_;
  std::unique_ptr<Lock> lock_;
  std::vector<Record> all_;
  std::unique_ptr<TreeRepair> trees_;
};

}  // namespace

Result<RepairSnapshotsReport> repair_snapshots(Repository& repository,
                                               const RepairSnapshotsOptions& options,
                                               const std::function<void(std::string)>& phase,
                                               std::stop_token stop) {
  return Repair(repository, options, phase, std::move(stop)).run();
}

}  // namespace stillpoint::repository

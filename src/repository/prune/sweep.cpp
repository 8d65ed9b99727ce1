// SPDX-License-Identifier: Apache-2.0
#include "repository/prune/sweep.h"

#include <algorithm>
#include <map>

#include "base/limits.h"

namespace stillpoint::repository {
namespace {

// A pack may be retired again, after a prune that ended before its switch: the last time counts.
using RetiredSince = std::map<Id, base::Time>;

RetiredSince last_times(const std::vector<RetiredFile>& files) {
  RetiredSince since;
  for (const RetiredFile& file : files) {
    for (const Id& pack : file.retired.packs) {
      const auto [known, is_new] = since.emplace(pack, file.retired.time);
      if (!is_new) known->second = std::max(known->second, file.retired.time);
    }
  }
  return since;
}

// Who may have loaded an index that still names what was retired then. restic does not say when it
// began.
const LockFile* user_of(const std::vector<LockFile>& locks, base::Time retired) {
  const auto user = std::find_if(locks.begin(), locks.end(), [&](const LockFile& lock) {
    return !lock.ours() || !lock.began || *lock.began <= retired + limits::clock_difference;
  });
  return user == locks.end() ? nullptr : &*user;
}

void note_holder(PruneReport& report, const LockFile& lock) {
  std::vector<std::string>& all = report.held_up_by;
  const std::string holder = holder_of(lock);
  if (std::find(all.begin(), all.end(), holder) == all.end()) all.push_back(holder);
}

}  // namespace

Result<std::unordered_set<Id>> sweep(Repository& repository, const Lock& lock,
                                     const SweepInput& input, PackSizes& sizes,
                                     const PruneOptions& options, PruneReport& report,
                                     const std::stop_token& stop) {
  const base::Time now = repository.now();
  const RetiredSince since = last_times(input.files);
  std::unordered_set<Id> waiting;
  std::vector<Id> due;
  for (const auto& [pack, time] : since) {
    if (!sizes.contains(pack) || repository.index().has_pack(pack)) continue;
    const LockFile* const user = user_of(input.others, time);
    const bool grown_old = now - time >= options.grace;
    if (grown_old && user == nullptr) {
      due.push_back(pack);
      continue;
    }
    if (grown_old) note_holder(report, *user);
    waiting.insert(pack);
    report.waiting.add(sizes.at(pack));
    const base::Time from = time + options.grace;
    report.deleted_from = std::min(report.deleted_from.value_or(from), from);
  }
  if (!due.empty()) TRY(lock.still_held());
  for (const Id& pack : due) {
    if (stop.stop_requested()) return fail(Errc::cancelled, "interrupted");
    const std::string name = name_of_file(FileKind::pack, pack);
    if (!options.dry_run) {
      TRY(lock.not_expired());
      TRY_DURING("delete " + name, repository.backend().remove(name));
    }
    report.deleted.add(sizes.at(pack));
    sizes.erase(pack);
  }
  for (const RetiredFile& file : input.files) {
    const auto& packs = file.retired.packs;
    const bool needed = std::any_of(packs.begin(), packs.end(), [&](const Id& pack) {
      return waiting.contains(pack) && since.at(pack) == file.retired.time;
    });
    if (needed || options.dry_run) continue;
    TRY(lock.not_expired());
    TRY(repository.remove_file(FileKind::retired, file.id));
  }
  return waiting;
}

}  // namespace stillpoint::repository

// SPDX-License-Identifier: Apache-2.0
#include "backup/forget.h"

#include <algorithm>
#include <unordered_set>

#include "base/text.h"

namespace stillpoint::backup {
namespace {

Error nothing_asked() {
  return Error{Errc::invalid, "forget: neither backups nor a policy was named",
               "name backups, or say what to keep: stillpoint forget --keep-daily 7 "
               "--keep-weekly 5 --dry-run"};
}

Result<void> check_request(const ForgetRequest& request) {
  const bool policy = !request.retention.empty();
  if (!request.backups.empty()) {
    if (!policy && request.systems.empty()) return {};
    return fail(Error{Errc::invalid,
                      "forget: backups were named together with a policy or a system",
                      "name backups, or say what to keep; not both"});
  }
  // Everything of a system goes only where both were said in so many words.
  if (!policy && !(request.allow_empty && !request.systems.empty())) return fail(nothing_asked());
  return {};
}

Result<void> check_systems(const std::vector<std::string>& systems,
                           const std::vector<Listed>& backups) {
  std::vector<std::string> known;
  for (const Listed& backup : backups) known.push_back(backup.system);
  for (const std::string& system : systems) {
    if (std::find(known.begin(), known.end(), system) != known.end()) continue;
    const std::string near = base::closest(system, known);
    return fail(
        Error{Errc::not_found,
              fmt::format("forget: there are no backups of a system '{}'", base::printable(system)),
              near.empty() ? "see all backups: stillpoint list"
                           : "did you mean '" + base::printable(near) + "'?"});
  }
  return {};
}

ForgetGroup judged_group(const repository::RecordGroup& group,
                         const repository::Retention& retention, base::Time now) {
  ForgetGroup judged{group.hostname, group.paths, {}};
  for (const repository::Judged& one : repository::judge(group.records, retention, now)) {
    judged.entries.push_back({listed_of(one.record), one.reasons, !one.kept()});
  }
  return judged;
}

bool loses_all(const ForgetGroup& group) {
  return std::all_of(group.entries.begin(), group.entries.end(),
                     [](const ForgetEntry& entry) { return entry.forget; });
}

Error would_lose_all(const ForgetGroup& group) {
  return Error{Errc::invalid,
               fmt::format("forget: the policy keeps none of the {} backups of {}",
                           group.entries.size(), base::printable(group.system)),
               "keep at least the last one by --keep-last 1; if all are to go: --allow-empty"};
}

bool is_good(const Listed& backup) {
  return backup.verdict == "proven" || backup.verdict == "paused";
}

// The rules count backups whatever their verdict is: say so where it matters.
void note_loss_of_proof(const ForgetGroup& group, std::vector<std::string>& notes) {
  bool had = false;
  bool has = false;
  for (const ForgetEntry& entry : group.entries) {
    if (!is_good(entry.backup)) continue;
    (entry.forget ? had : has) = true;
  }
  if (!had || has || loses_all(group)) return;
  notes.push_back(base::printable(group.system) +
                  ": every backup that is kept is unproven or damaged; to keep the proven ones as "
                  "well: --keep-tag proven");
}

Result<void> plan_by_policy(const ForgetRequest& request, base::Time now,
                            const std::vector<Listed>& backups, ForgetPlan& plan) {
  TRY(check_systems(request.systems, backups));
  const auto& wanted = request.systems;
  std::vector<repository::Record> records;
  std::size_t foreign = 0;
  for (const Listed& backup : backups) {
    if (!wanted.empty() && std::count(wanted.begin(), wanted.end(), backup.system) == 0) continue;
    if (!backup.ours && !request.foreign) {
      ++foreign;
      continue;
    }
    records.push_back(backup.record);
  }
  if (foreign != 0) {
    plan.notes.push_back(
        fmt::format("{} {} not made by stillpoint and not touched; to include them: --foreign",
                    foreign, foreign == 1 ? "backup was" : "backups were"));
  }
  for (const auto& records_of_one : repository::group_records(records)) {
    ForgetGroup group = judged_group(records_of_one, request.retention, now);
    if (loses_all(group) && !request.allow_empty) return fail(would_lose_all(group));
    note_loss_of_proof(group, plan.notes);
    plan.groups.push_back(std::move(group));
  }
  return {};
}

Result<void> plan_by_name(const ForgetRequest& request, const std::vector<Listed>& backups,
                          ForgetPlan& plan) {
  std::vector<repository::Record> records;
  std::unordered_set<Id> chosen;
  for (const std::string& name : request.backups) {
    const Listed backup = TRY_DURING("forget", find_backup(backups, name));
    if (!backup.ours && !request.foreign) {
      return fail(
          Error{Errc::invalid,
                "forget: backup " + backup.record.id.brief() + " was not made by stillpoint",
                "if it is to go nevertheless: --foreign"});
    }
    if (chosen.insert(backup.record.id).second) records.push_back(backup.record);
  }
  for (const auto& group : repository::group_records(records)) {
    plan.groups.push_back(judged_group(group, {}, {}));
  }
  return {};
}

}  // namespace

std::vector<Listed> ForgetPlan::to_forget() const {
  std::vector<Listed> all;
  for (const ForgetGroup& group : groups) {
    for (const ForgetEntry& entry : group.entries) {
      if (entry.forget) all.push_back(entry.backup);
    }
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Listed& a, const Listed& b) { return a.record.time < b.record.time; });
  return all;
}

Result<ForgetPlan> plan_forget(const repository::Repository& repository,
                               const ForgetRequest& request, base::Time now, std::stop_token stop) {
  TRY(check_request(request));
  Catalogue catalogue = TRY_DURING("forget", read_catalogue(repository, std::move(stop)));
  ForgetPlan plan;
  plan.unreadable = std::move(catalogue.unreadable);
  if (request.backups.empty()) {
    TRY(plan_by_policy(request, now, catalogue.backups, plan));
  } else {
    TRY(plan_by_name(request, catalogue.backups, plan));
  }
  return plan;
}

Result<void> forget(repository::Repository& repository, const ForgetPlan& plan,
                    const repository::Lock* lock, const std::function<void(std::size_t)>& done,
                    std::stop_token stop) {
  const std::vector<Listed> all = plan.to_forget();
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::string doing = fmt::format("forget backup {} ({} of {} are forgotten)",
                                          all[i].record.id.brief(), i, all.size());
    if (stop.stop_requested())
      return fail(
          Error{Errc::cancelled, doing + ": interrupted", "run it again to forget the others"});
    if (lock != nullptr) TRY_DURING(doing, lock->still_held());
    TRY_DURING(doing, repository.remove_file(repository::FileKind::record, all[i].record.id));
    done(i + 1);
  }
  return {};
}

}  // namespace stillpoint::backup

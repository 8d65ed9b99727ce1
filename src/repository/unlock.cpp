// SPDX-License-Identifier: Apache-2.0
#include "repository/unlock.h"

#include <algorithm>

#include "base/clock.h"
#include "repository/host.h"

namespace stillpoint::repository {

Result<std::vector<LockState>> look_at_locks(const Repository& repository) {
  std::vector<LockState> locks;
  const Host here = this_host();
  const base::Time now = base::now();
  const std::vector<Id> ids = TRY(repository.list_files(FileKind::lock));
  for (const Id& id : ids) {
    const Result<Bytes> text = repository.load_file(FileKind::lock, id);
    if (!text && text.error().code == Errc::not_found) continue;  // released meanwhile
    if (!text && text.error().code != Errc::corrupt) return fail(Error(text.error()));
    Result<LockFile> lock = fail(text ? Error() : Error(text.error()));
    if (text) lock = decode_lock(*text);
    LockState& state = locks.emplace_back();
    state.id = id;
    if (lock) {
      state.stale = is_stale(*lock, here, now);
      state.lock = std::move(*lock);
    } else {
      state.problem = lock.error().message;
    }
  }
  std::stable_sort(locks.begin(), locks.end(), [](const LockState& a, const LockState& b) {
    if (a.problem.empty() != b.problem.empty()) return a.problem.empty();
    return a.lock.time < b.lock.time;
  });
  return locks;
}

Result<void> remove_lock(Repository& repository, const LockState& lock) {
  TRY_DURING("remove lock " + lock.id.brief(), repository.remove_file(FileKind::lock, lock.id));
  return {};
}

}  // namespace stillpoint::repository

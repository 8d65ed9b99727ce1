// SPDX-License-Identifier: Apache-2.0
#include "repository/lock.h"

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

#include "base/guarded.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/sleep.h"
#include "repository/host.h"

namespace stillpoint::repository {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::chrono::milliseconds switch_retry{500};

std::string_view name_of(LockKind kind) {
  switch (kind) {
    case LockKind::shared:
      return "read";
    case LockKind::exclusive:
      return "exclusive";
    case LockKind::prune:
      return "prune";
  }
  return "";
}

bool forbids(const LockFile& other, LockKind wanted) {
  switch (wanted) {
    case LockKind::shared:
      return other.exclusive && !other.switches();
    case LockKind::exclusive:
      return true;
    case LockKind::prune:
      return other.exclusive || other.prunes();
  }
  return true;
}

class HeldLock : public Lock {
 public:
  HeldLock(Repository& repository, LockKind kind, std::string_view work)
      : repository_(repository), kind_(kind), host_(this_host()) {
    state_.with([&](State& s) {
      s.file.exclusive = kind == LockKind::exclusive;
      s.file.host = host_;
      s.file.program = "stillpoint";
      s.file.work = work.empty() ? name_of(kind) : work;
      s.file.began = repository.now();
    });
  }

  ~HeldLock() override {
    refresher_ = {};  // stops and joins
    state_.with([&](State& s) {
      if (s.written) s.leftovers.push_back(s.id);
      for (const Id& id : s.leftovers) {
        if (auto removed = repository_.remove_file(FileKind::lock, id); !removed) {
          log(LogLevel::warning, "remove lock {}: {}", id.brief(), removed.error().message);
        }
      }
    });
  }

  Result<void> write_first() {
    return state_.with([&](State& s) { return write(s, s.file); });
  }

  // Fails where another lock forbids ours; removes the stale ones of others.
  Result<void> check_others() {
    for (const FoundLock& found : TRY(of_others())) {
      if (is_stale(found.lock, host_, repository_.now())) {
        TRY(repository_.remove_file(FileKind::lock, found.id));
      } else if (forbids(found.lock, kind_)) {
        return fail(locked_by(found.lock));
      }
    }
    return {};
  }

  void keep_fresh() {
    refresher_ = std::jthread([this](std::stop_token stop) {
      while (base::sleep_for(limits::lock_refresh, stop)) {
        const Result<void> done = refresh();
        if (done) continue;
        log(LogLevel::warning, "refresh the repository's lock: {}", done.error().message);
        if (done.error().code == Errc::locked) return;  // lost: it must not come back
      }
    });
  }

  Result<void> still_held() const override {
    return state_.with([&](State& s) { return check(s); });
  }

  Result<void> not_expired() const override {
    return state_.with([&](State& s) { return check_time(s); });
  }

  Result<void> refresh() override {
    return state_.with([&](State& s) { return replace(s, s.file); });
  }

  Result<std::vector<LockFile>> others() const override {
    std::vector<LockFile> live;
    for (FoundLock& found : TRY(of_others())) {
      if (!is_stale(found.lock, host_, repository_.now())) live.push_back(std::move(found.lock));
    }
    return live;
  }

  Result<void> begin_switch(base::Duration wait, std::stop_token stop) override {
    if (kind_ == LockKind::exclusive) return still_held();
    const base::Deadline deadline(wait);
    for (;;) {
      // Asked before as well: restic's next run is not turned away while we only wait.
      std::optional<LockFile> hinders = TRY(hindering());
      if (!hinders) {
        TRY(set_step("switch"));
        Result<std::optional<LockFile>> after = hindering();
        if (after && !*after) return {};
        TRY(end_switch());
        hinders = TRY(std::move(after));
      }
      if (deadline.passed()) return fail(locked_by(*hinders));
      const auto pause = std::min<base::Duration>(switch_retry, deadline.left());
      if (!base::sleep_for(pause, stop)) return fail(Errc::cancelled, "interrupted");
    }
  }

  Result<void> end_switch() override {
    if (kind_ == LockKind::exclusive) return {};
    return set_step("");
  }

 private:
  struct State {
    Id id = {};
    LockFile file = {};
    Steady::time_point written_at = {};
    bool written = false;
    std::optional<Error> lost = {};
    std::vector<Id> leftovers = {};  // replaced files of ours that could not be removed
  };

  static Error loss(std::string_view how) {
    return Error{Errc::locked, "our lock of the repository " + std::string(how),
                 "others may have worked on it meanwhile: run the same command again"};
  }

  // On two clocks: one is what others judge our file by, the other is one that nobody sets.
  Result<void> check_time(State& s) const {
    if (!s.lost && (repository_.now() - s.file.time >= limits::lock_stale ||
                    Steady::now() - s.written_at >= limits::lock_stale)) {
      s.lost = loss("expired while we were stopped");
    }
    if (s.lost) return fail(*s.lost);
    return {};
  }

  Result<void> check(State& s) const {
    TRY(check_time(s));
    const auto there = repository_.backend().stat(name_of_file(FileKind::lock, s.id));
    if (there) return check_time(s);
    if (there.error().code != Errc::not_found) return fail(Error(there.error()));
    s.lost = loss("was removed by somebody");
    return fail(*s.lost);
  }

  Result<void> write(State& s, LockFile file) {
    const Steady::time_point at = Steady::now();
    file.time = repository_.now();
    const SealedFile sealed = repository_.seal_file(encode_lock(file));
    if (auto put = repository_.put_file(FileKind::lock, sealed); !put) {
      // It may be there nevertheless, and would keep others off; but not on read-only media.
      const bool refused = put.error().code == Errc::denied;
      if (!refused && !repository_.remove_file(FileKind::lock, sealed.id)) {
        s.leftovers.push_back(sealed.id);
      }
      return put;
    }
    s.id = sealed.id;
    s.file = std::move(file);
    s.written_at = at;
    s.written = true;
    return {};
  }

  // The new file before the old one goes: at no moment is the repository without our lock.
  Result<void> replace(State& s, LockFile file) {
    TRY(check(s));
    State fresh = s;
    const Result<void> written = write(fresh, std::move(file));
    s.leftovers = fresh.leftovers;
    TRY(Result<void>(written));
    // It may have been a long time until the storage answered: a lock that is lost stays so.
    if (auto in_time = check_time(s); !in_time) {
      s.leftovers.push_back(fresh.id);
      return in_time;
    }
    const Id old = std::exchange(s, std::move(fresh)).id;
    if (auto removed = repository_.remove_file(FileKind::lock, old); !removed) {
      s.leftovers.push_back(old);
      return removed;
    }
    return {};
  }

  Result<void> set_step(std::string_view step) {
    return state_.with([&](State& s) -> Result<void> {
      LockFile file = s.file;
      file.step = step;
      file.exclusive = !step.empty();
      return replace(s, std::move(file));
    });
  }

  void add_own(std::vector<Id>& ids) const {
    state_.with([&](const State& s) {
      ids.insert(ids.end(), s.leftovers.begin(), s.leftovers.end());
      if (s.written) ids.push_back(s.id);
    });
  }

  Result<std::vector<FoundLock>> of_others() const {
    std::vector<Id> own;
    add_own(own);
    std::vector<FoundLock> locks = TRY(list_locks(repository_));
    add_own(own);  // refreshed while we listed: that one is ours too
    std::erase_if(locks, [&](const FoundLock& found) {
      return std::find(own.begin(), own.end(), found.id) != own.end();
    });
    return locks;
  }

  // Who would not know that packs are retired: restic; and whoever wants to be alone.
  Result<std::optional<LockFile>> hindering() const {
    for (LockFile& other : TRY(others())) {
      if (!other.ours() || other.exclusive) return std::optional<LockFile>(std::move(other));
    }
    return std::optional<LockFile>();
  }

  Repository& repository_;
  const LockKind kind_;
  const Host host_;
  mutable base::Guarded<State> state_;
  std::jthread refresher_;
};

}  // namespace

Result<std::unique_ptr<Lock>> Lock::acquire(Repository& repository, LockKind kind,
                                            std::stop_token stop, std::string_view work) {
  auto lock = std::make_unique<HeldLock>(repository, kind, work);
  TRY_DURING("lock the repository", lock->check_others());
  TRY_DURING("lock the repository", lock->write_first());
  // Another may have written at the same moment, each before the other looked: look again.
  TRY_DURING("lock the repository", lock->check_others());
  if (stop.stop_requested()) return fail(Errc::cancelled, "interrupted");
  lock->keep_fresh();
  return std::unique_ptr<Lock>(std::move(lock));
}

}  // namespace stillpoint::repository

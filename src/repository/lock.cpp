// SPDX-License-Identifier: Apache-2.0
#include "repository/lock.h"

#include <thread>
#include <utility>

#include "base/guarded.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/sleep.h"
#include "repository/host.h"
#include "repository/lock_file.h"

namespace stillpoint::repository {
namespace {

class HeldLock : public Lock {
 public:
  HeldLock(Repository& repository, bool exclusive)
      : repository_(repository), exclusive_(exclusive) {}
  ~HeldLock() override {
    refresher_ = {};  // stops and joins
    if (!written_) return;
    const Id id = state_.with([](const State& s) { return s.id; });
    if (auto removed = repository_.remove_file(FileKind::lock, id); !removed) {
      log(LogLevel::warning, "remove lock {}: {}", id.brief(), removed.error().message);
    }
  }

  Result<void> write() {
    const base::Time time = base::now();
    const Id id = TRY(repository_.save_file(
        FileKind::lock, encode_lock({time, exclusive_, host_, {}, {}, {}, {}})));
    written_ = true;
    state_.with([&](State& s) { s = {id, time}; });
    return {};
  }

  // The new file before the old one goes: at no moment is the repository without our lock.
  Result<void> refresh() {
    const Id old = state_.with([](const State& s) { return s.id; });
    TRY(write());
    return repository_.remove_file(FileKind::lock, old);
  }

  // Fails where another lock forbids ours; removes the stale ones of others.
  Result<void> check_others() {
    const Id own = state_.with([](const State& s) { return s.id; });
    for (const Id& id : TRY(repository_.list_files(FileKind::lock))) {
      if (written_ && id == own) continue;
      const Result<Bytes> text = repository_.load_file(FileKind::lock, id);
      if (!text && text.error().code == Errc::not_found) continue;  // released meanwhile
      if (!text) return fail(Error(text.error()));
      const LockFile other = TRY_DURING("lock " + id.brief(), decode_lock(*text));
      if (is_stale(other, host_, base::now())) {
        TRY(repository_.remove_file(FileKind::lock, id));
      } else if (exclusive_ || other.exclusive) {
        return fail(locked_by(other));
      }
    }
    return {};
  }

  void keep_fresh() {
    refresher_ = std::jthread([this](std::stop_token stop) {
      while (base::sleep_for(limits::lock_refresh, stop)) {
        if (auto done = refresh(); !done) {
          log(LogLevel::warning, "refresh the repository's lock: {}", done.error().message);
        }
      }
    });
  }

  Result<void> still_held() const override {
    const base::Time since = state_.with([](const State& s) { return s.time; });
    if (base::now() - since < limits::lock_stale) return {};
    return fail(Error{Errc::locked, "our lock of the repository expired while we were stopped",
                      "run the same command again"});
  }

 private:
  struct State {
    Id id = {};
    base::Time time = {};
  };
  Repository& repository_;
  const bool exclusive_;
  const Host host_ = this_host();
  bool written_ = false;
  base::Guarded<State> state_;
  std::jthread refresher_;
};

}  // namespace

Result<std::unique_ptr<Lock>> Lock::acquire(Repository& repository, LockKind kind,
                                            std::stop_token stop) {
  auto lock = std::make_unique<HeldLock>(repository, kind == LockKind::exclusive);
  TRY_DURING("lock the repository", lock->check_others());
  TRY_DURING("lock the repository", lock->write());
  // Another may have written at the same moment, each before the other looked: look again.
  TRY_DURING("lock the repository", lock->check_others());
  if (stop.stop_requested()) return fail(Errc::cancelled, "interrupted");
  lock->keep_fresh();
  return std::unique_ptr<Lock>(std::move(lock));
}

}  // namespace stillpoint::repository

// SPDX-License-Identifier: Apache-2.0
#include "repository/lock.h"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/guarded.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/process.h"
#include "base/text.h"
#include "repository/host.h"
#include "repository/json_read.h"

namespace stillpoint::repository {
namespace {

struct LockFile {
  base::Time time = {};
  bool exclusive = false;
  std::string host = {};
  std::string user = {};
  std::uint64_t pid = 0;
};

std::string encode_lock(const LockFile& lock, const Host& host) {
  return write_json({{"time", base::format_time(lock.time)},
                     {"exclusive", lock.exclusive},
                     {"hostname", host.name},
                     {"username", host.user},
                     {"pid", host.pid},
                     {"uid", host.uid},
                     {"gid", host.gid}});
}

Result<LockFile> decode_lock(ByteView text) {
  const Json json = TRY(parse_json(text));
  LockFile lock;
  lock.time = TRY(time_of(json, "time"));
  const auto exclusive = json.find("exclusive");
  lock.exclusive = exclusive != json.end() && exclusive->is_boolean() && exclusive->get<bool>();
  lock.host = text_or(json, "hostname");
  lock.user = text_or(json, "username");
  lock.pid = number_or(json, "pid");
  return lock;
}

bool is_stale(const LockFile& lock, const Host& host) {
  if (base::now() - lock.time > limits::lock_stale) return true;
  if (lock.host != host.name || lock.pid == 0 || lock.pid == host.pid) return false;
  return !base::process_exists(static_cast<pid_t>(lock.pid));
}

Error locked_by(const LockFile& lock) {
  return Error{
      Errc::locked,
      fmt::format("the repository is locked by process {} of {} on {} since {} UTC{}", lock.pid,
                  base::printable(lock.user), base::printable(lock.host),
                  base::display_time(lock.time), lock.exclusive ? " (exclusively)" : ""),
      "wait until it ends; a lock of a dead process expires after 30 minutes, or remove it "
      "now with: restic unlock"};
}

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
    const Id id = TRY(
        repository_.save_file(FileKind::lock, encode_lock({time, exclusive_, {}, {}, 0}, host_)));
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
      if (is_stale(other, host_)) {
        TRY(repository_.remove_file(FileKind::lock, id));
      } else if (exclusive_ || other.exclusive) {
        return fail(locked_by(other));
      }
    }
    return {};
  }

  void keep_fresh() {
    refresher_ = std::jthread([this](std::stop_token stop) {
      std::mutex mutex;
      std::condition_variable_any wake;
      std::unique_lock lock(mutex);
      while (!wake.wait_for(lock, stop, limits::lock_refresh, [] { return false; }) &&
             !stop.stop_requested()) {
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

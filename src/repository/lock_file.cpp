// SPDX-License-Identifier: Apache-2.0
#include "repository/lock_file.h"

#include <nlohmann/json.hpp>

#include "base/limits.h"
#include "base/process.h"
#include "base/text.h"
#include "repository/json_read.h"

namespace stillpoint::repository {

std::string encode_lock(const LockFile& lock) {
  Json json = {{"time", base::format_time(lock.time)},
               {"exclusive", lock.exclusive},
               {"hostname", lock.host.name},
               {"username", lock.host.user},
               {"pid", lock.host.pid},
               {"uid", lock.host.uid},
               {"gid", lock.host.gid}};
  if (!lock.program.empty()) json["program"] = lock.program;
  if (!lock.work.empty()) json["work"] = lock.work;
  if (lock.began) json["began"] = base::format_time(*lock.began);
  if (!lock.step.empty()) json["step"] = lock.step;
  return write_json(json);
}

Result<LockFile> decode_lock(ByteView text) {
  const Json json = TRY(parse_json(text));
  LockFile lock;
  lock.time = TRY(time_of(json, "time"));
  const auto exclusive = json.find("exclusive");
  lock.exclusive = exclusive != json.end() && exclusive->is_boolean() && exclusive->get<bool>();
  lock.host.name = text_or(json, "hostname");
  lock.host.user = text_or(json, "username");
  lock.host.pid = number_or(json, "pid");
  lock.host.uid = static_cast<std::uint32_t>(number_or(json, "uid"));
  lock.host.gid = static_cast<std::uint32_t>(number_or(json, "gid"));
  lock.program = text_or(json, "program");
  lock.work = text_or(json, "work");
  lock.step = text_or(json, "step");
  if (json.contains("began")) lock.began = TRY(time_of(json, "began"));
  return lock;
}

bool is_stale(const LockFile& lock, const Host& here, base::Time now) {
  if (lock.time < now - limits::lock_stale) return true;
  if (lock.host.name != here.name || lock.host.pid == 0 || lock.host.pid == here.pid) return false;
  return !base::process_exists(static_cast<pid_t>(lock.host.pid));
}

std::string holder_of(const LockFile& lock) {
  return fmt::format("process {} of {} on {}{}", lock.host.pid, base::printable(lock.host.user),
                     base::printable(lock.host.name),
                     lock.work.empty() ? "" : " (" + base::printable(lock.work) + ")");
}

Error locked_by(const LockFile& lock) {
  return Error{Errc::locked,
               fmt::format("the repository is locked by {} since {} UTC{}", holder_of(lock),
                           base::display_time(lock.began.value_or(lock.time)),
                           lock.exclusive ? " (exclusively)" : ""),
               "wait until it ends; a lock of a dead process expires after 30 minutes, or remove "
               "it now with: stillpoint unlock"};
}

Result<std::vector<FoundLock>> list_locks(const Repository& repository) {
  std::vector<FoundLock> locks;
  for (const Id& id : TRY(repository.list_files(FileKind::lock))) {
    const Result<Bytes> text = repository.load_file(FileKind::lock, id);
    if (!text && text.error().code == Errc::not_found) continue;
    if (!text) return fail(Error(text.error()));
    LockFile lock = TRY_DURING("lock " + id.brief(), decode_lock(*text));
    locks.push_back({id, std::move(lock)});
  }
  return locks;
}

}  // namespace stillpoint::repository

// SPDX-License-Identifier: Apache-2.0
#include "database/sqlite/sqlite_target.h"

#include <array>
#include <cerrno>
#include <filesystem>
#include <set>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/process.h"
#include "base/text.h"
#include "database/sqlite/connection.h"
#include "database/sqlite/file_switch.h"
#include "database/sqlite/leftovers.h"
#include "database/sqlite/location.h"
#include "database/sqlite/staged_check.h"

namespace stillpoint::database::sqlite {
namespace {

class StagedFile : public Target::StagedPart {
 public:
  StagedFile(base::File file, std::uint64_t bytes) : file_(std::move(file)), bytes_(bytes) {}
  Result<void> write(std::uint64_t offset, ByteView bytes) override {
    TRY_DURING("stage the database", file_.write_at(bytes, offset));
    written_ += bytes.size();
    return {};
  }
  Result<void> finish() override {
    const std::uint64_t size = TRY_DURING("stage the database", file_.size());
    if (written_ != bytes_ || size != bytes_) {
      return fail(Errc::corrupt, "stage the database: {} of its {} bytes came", written_, bytes_);
    }
    TRY_DURING("stage the database", file_.sync());
    return {};
  }

 private:
  base::File file_;
  std::uint64_t bytes_;
  std::uint64_t written_ = 0;
};

Result<void> check_room(const std::string& folder, std::uint64_t bytes) {
  struct statvfs info = {};
  if (::statvfs(folder.c_str(), &info) != 0) {
    return fail(base::system_error("find the free space of " + folder, errno));
  }
  const std::uint64_t room = std::uint64_t{info.f_bavail} * info.f_frsize;
  if (room >= bytes) return {};
  return fail(Error{Errc::no_space,
                    folder + " has " + base::display_bytes(room) + " free, and " +
                        base::display_bytes(bytes) + " are needed beside the old data",
                    "free some space, or restore to another place"});
}

Result<void> take_over_rights(const base::File& file, const struct stat& old) {
  // Who may not give files away restores as itself: the mode then keeps others out as before.
  if (::fchown(file.descriptor(), old.st_uid, old.st_gid) != 0 && errno != EPERM) {
    return fail(base::system_error("change its owner", errno));
  }
  if (::fchmod(file.descriptor(), old.st_mode & 0777) != 0) {
    return fail(base::system_error("change its mode", errno));
  }
  return {};
}

// Bytes 0x40000000 to 0x400001ff are where SQLite's users hold their locks. The lock belongs to the
// descriptor, so that it stays when others of this process are closed.
Result<void> lock_alone(const base::File& file) {
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = 0x40000000;
  lock.l_len = 512;
  const base::Deadline deadline(std::chrono::seconds(2));
  while (::fcntl(file.descriptor(), F_OFD_SETLK, &lock) != 0) {
    if (errno != EAGAIN && errno != EACCES) return fail(base::system_error("lock it", errno));
    if (deadline.passed()) {
      return fail(Error{Errc::busy, "somebody whom /proc does not show has it open",
                        "end whatever uses it, perhaps another user's or on another machine"});
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return {};
}

bool has_header(const base::File& file) {
  constexpr std::string_view magic("SQLite format 3\0", 16);
  std::array<Byte, magic.size()> start = {};
  const auto size = file.read_at(start, 0);
  return size && base::text_of(ByteView(start).first(*size)) == magic;
}

}  // namespace

SqliteTarget::SqliteTarget(const std::string& path, const RestoreOptions& options)
    : options_(options), path_(follow_links(path)) {}

SqliteTarget::~SqliteTarget() {
  (void)discard();
}

std::string SqliteTarget::folder() const {
  return std::filesystem::path(path_).parent_path().string();
}

// Whether there is an old file.
Result<bool> SqliteTarget::check_path() const {
  struct stat info = {};
  if (::stat(folder().c_str(), &info) != 0) {
    return fail(base::system_error("find the folder " + folder(), errno)
                    .advise("create it: mkdir -p " + folder()));
  }
  if (::lstat(path_.c_str(), &info) != 0) {
    if (errno == ENOENT) return false;
    return fail(base::system_error("look at " + path_, errno));
  }
  if (S_ISREG(info.st_mode)) return true;
  return fail(Error{Errc::invalid,
                    "restore to " + path_ + ": it is " +
                        (S_ISDIR(info.st_mode) ? "a folder" : "not a regular file"),
                    "name the file that is to be the database"});
}

Result<Existing> SqliteTarget::inspect() {
  if (!TRY(check_path())) return Existing{};
  struct stat info = {};
  if (::stat(path_.c_str(), &info) != 0) return fail(base::system_error("look at " + path_, errno));
  const auto bytes = static_cast<std::uint64_t>(info.st_size);
  const base::Time written{std::chrono::seconds(info.st_mtim.tv_sec)};
  return Existing {
    .exists = true, .bytes = bytes,
    .description = path_ + " (" + base::display_bytes(bytes) + ", written " +
                   base::display_time(written) + ")",
    .used_by = TRY(base::openers_of(path_))
  };
}

Result<void> SqliteTarget::prepare(const Content& content, std::stop_token) {
  if (!options_.tables.empty() || options_.in_place) {
    return fail(Error{Errc::unsupported, "restore a part of a database to " + path_,
                      "an SQLite file is restored as a whole: restore it beside the old one, "
                      "and copy the tables with ATTACH"});
  }
  expected_ = content.objects;
  const bool old = TRY(check_path());
  struct stat info = {};
  if (old && ::stat(path_.c_str(), &info) != 0) {
    return fail(base::system_error("look at " + path_, errno));
  }
  TRY_DURING("restore to " + path_, check_room(folder(), content.bytes));
  const std::vector<Leftover> left = TRY(leftovers_of(path_));
  for (const Leftover& leftover : left) {
    const bool dead = leftover.what == Leftover::What::staged && !leftover.in_use;
    if (dead) ::unlink(leftover.name.c_str());  // the next one beside us may have been faster
  }
  const std::string staged = staged_name(path_);
  const base::File file = TRY_DURING("restore to " + path_,
                                     base::File::open(staged, O_WRONLY | O_CREAT | O_EXCL, 0600));
  staged_ = staged;
  if (old) TRY_DURING("stage " + staged, take_over_rights(file, info));
  return {};
}

// The schema as text is for people; the database file has it too.
bool SqliteTarget::wants(const std::string& path) const {
  return !path.starts_with("schema/");
}

Result<std::unique_ptr<Target::StagedPart>> SqliteTarget::stage(const std::string& path,
                                                                std::uint64_t bytes,
                                                                std::stop_token) {
  if (!path.starts_with("data/")) {
    return fail(Errc::unsupported, "restore to {}: an SQLite database has no part {}", path_,
                base::printable(path));
  }
  base::File file = TRY(base::File::open(staged_, O_WRONLY));
  return std::make_unique<StagedFile>(std::move(file), bytes);
}

Result<void> SqliteTarget::verify(std::stop_token stop) {
  TRY_DURING("check the restored database", check_staged(staged_, expected_, stop));
  return {};
}

Result<void> SqliteTarget::refuse_users() const {
  std::set<std::string> users;
  for (const std::string& suffix : {std::string(), std::string("-wal"), std::string("-shm")}) {
    if (!exists(path_ + suffix)) continue;
    const auto found = TRY(base::openers_of(path_ + suffix));
    users.insert(found.begin(), found.end());
  }
  if (users.empty()) return {};
  return fail(Error{
      Errc::busy,
      "replace " + path_ + ": it is open in " + base::join({users.begin(), users.end()}, ", "),
      "end them, and run the same command again"});
}

// The lock is the one that SQLite itself takes to be alone with a file, so that it keeps everybody
// out, also those whom /proc does not show, and works where the file is damaged. Nothing is opened
// by SQLite, which would undo the journal of a killed process at once.
Result<void> SqliteTarget::fence() {
  TRY(refuse_users());
  if (exists(path_)) {
    const std::string what = "keep others out of " + path_;
    base::File file = TRY_DURING(what, base::File::open(path_, O_RDWR));
    TRY_DURING(what, lock_alone(file));
    lock_ = std::move(file);
  }
  fenced_ = true;
  return {};
}

// Makes the old database whole without the files beside it, and removes them: a crash in between
// leaves it as good as it was.
Result<void> SqliteTarget::settle_old() const {
  // Without SQLite's locks, since we hold them; alone, so that a log needs no shared memory.
  Connection old = TRY(Connection::open(path_, SQLITE_OPEN_READWRITE, "unix-none"));
  old.keep_log();
  TRY(old.execute("PRAGMA locking_mode=EXCLUSIVE"));
  TRY(old.execute("SELECT 1 FROM sqlite_schema LIMIT 1"));  // undoes what a journal says
  if (TRY(old.text("PRAGMA journal_mode")) == "wal") {
    const std::int64_t held_up = TRY(old.number("PRAGMA wal_checkpoint(TRUNCATE)"));
    struct stat info = {};
    const bool left = ::stat((path_ + "-wal").c_str(), &info) == 0 && info.st_size > 0;
    if (held_up != 0 || left) return fail(Errc::busy, "its log could not be moved into it");
  }
  for (const std::string& suffix : side_suffixes) {
    if (::unlink((path_ + suffix).c_str()) != 0 && errno != ENOENT) {
      return fail(base::system_error("remove " + path_ + suffix, errno));
    }
  }
  return {};
}

Result<std::string> SqliteTarget::swap() {
  if (!fenced_ || staged_.empty()) return fail(Errc::internal, "swap without fence or data");
  TRY(refuse_users());
  const bool old = exists(path_);
  const std::string kept = kept_name(path_, base::now());
  if (old && has_header(lock_)) {
    Result<void> settled = settle_old();
    if (!settled && settled.error().code != Errc::corrupt) {
      return fail(std::move(settled.error()).during("replace " + path_));
    }
  }
  // Those of a damaged or missing database go with it: they must never meet the new one.
  TRY_DURING("replace " + path_, move_side_files(path_, kept));
  const auto check = [&](const std::string& old_now) -> Result<void> {
    const auto users = TRY(base::openers_of(old_now));
    if (users.empty()) return {};
    return fail(Error{Errc::busy, "it was opened by " + base::join(users, ", "),
                      "end them, and run the same command again"});
  };
  Result<void> switched = base::sync_directory(folder());
  if (switched) switched = switch_files(staged_, path_, kept, check);
  if (!switched) {
    TRY(move_side_files(kept, path_));
    return fail(std::move(switched.error()).during("replace " + path_));
  }
  staged_.clear();
  TRY(unfence());
  TRY(base::sync_directory(folder()));
  return old ? kept : std::string();
}

Result<void> SqliteTarget::unfence() {
  lock_.close();
  fenced_ = false;
  return {};
}

Result<void> SqliteTarget::discard() {
  TRY(unfence());
  const std::string staged = std::exchange(staged_, {});
  if (staged.empty()) return {};
  if (::unlink(staged.c_str()) != 0 && errno != ENOENT) {
    return fail(base::system_error("remove " + staged, errno));
  }
  return {};
}

Result<std::unique_ptr<Target>> open_target(const Address& address, const RestoreOptions& options) {
  return std::make_unique<SqliteTarget>(TRY(path_of(address.url)), options);
}

}  // namespace stillpoint::database::sqlite

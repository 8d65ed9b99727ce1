// SPDX-License-Identifier: Apache-2.0
#include "database/sqlite/sqlite_target.h"

#include <cerrno>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/process.h"
#include "base/text.h"
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
    const bool dead =
        leftover.what == Leftover::What::staged && !leftover.in_use && !leftover.ready;
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

Result<void> SqliteTarget::fence() {
  if (staged_.empty()) return fail(Errc::internal, "fence without data");
  switch_.emplace(TRY(make_ticket(path_, staged_)));
  return switch_->close(false);
}

Result<std::string> SqliteTarget::swap() {
  if (!switch_) return fail(Errc::internal, "swap without fence");
  std::string kept = TRY(switch_->swap());
  staged_.clear();
  TRY(unfence());
  return kept;
}

Result<void> SqliteTarget::unfence() {
  switch_.reset();
  return {};
}

// Under a name that says so: what a dead process has staged is removed by the next restore.
Result<std::string> SqliteTarget::hand_over() {
  const std::string ready = ready_name(path_);
  TRY(rename_new(staged_, ready));
  staged_ = ready;
  TRY(base::sync_directory(folder()));
  const FileTicket ticket = TRY(make_ticket(path_, staged_));
  staged_.clear();
  return encode_ticket(ticket);
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

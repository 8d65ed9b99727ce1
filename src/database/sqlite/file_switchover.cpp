// SPDX-License-Identifier: Apache-2.0
#include "database/sqlite/file_switchover.h"

#include <array>
#include <cerrno>
#include <filesystem>
#include <set>
#include <thread>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "base/process.h"
#include "base/text.h"
#include "database/sqlite/connection.h"
#include "database/sqlite/file_switch.h"
#include "database/sqlite/location.h"

namespace stillpoint::database::sqlite {
namespace {

// Who is about to end is waited for.
constexpr std::chrono::seconds users_time{1};
// Who waits for our lock gives up before: by default after 5 s at most, whatever the language.
constexpr std::chrono::seconds waiters_time{8};
constexpr std::chrono::milliseconds step{20};

std::string folder_of(const std::string& path) {
  return std::filesystem::path(path).parent_path().string();
}

struct stat info_of(const std::string& path) {
  struct stat info = {};
  if (::lstat(path.c_str(), &info) != 0) info = {};
  return info;
}

// 0 where there is none: no file has it.
std::uint64_t inode_of(const std::string& path) {
  return info_of(path).st_ino;
}

bool has_log(const std::string& path) {
  return info_of(path + "-wal").st_size > 0;
}

std::int64_t nanoseconds_of(const struct timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
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
    std::this_thread::sleep_for(step);
  }
  return {};
}

bool has_header(const base::File& file) {
  constexpr std::string_view magic("SQLite format 3\0", 16);
  std::array<Byte, magic.size()> start = {};
  const auto size = file.read_at(start, 0);
  return size && base::text_of(ByteView(start).first(*size)) == magic;
}

Result<void> refuse_users(const std::string& path) {
  std::set<std::string> users;
  for (const std::string& suffix : {std::string(), std::string("-wal"), std::string("-shm")}) {
    if (!exists(path + suffix)) continue;
    const auto found = TRY(base::openers_of(path + suffix));
    users.insert(found.begin(), found.end());
  }
  if (users.empty()) return {};
  return fail(
      Error{Errc::busy,
            "replace " + path + ": it is open in " + base::join({users.begin(), users.end()}, ", "),
            "end them, and run the same command again"});
}

// Asks again while it is busy.
template <class Check>
Result<void> wait_while_busy(base::Duration time, const Check& check) {
  for (const base::Deadline deadline(time);;) {
    Result<void> free = check();
    if (free || free.error().code != Errc::busy || deadline.passed()) return free;
    std::this_thread::sleep_for(step);
  }
}

Result<void> remove_if_there(const std::string& path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  return fail(base::system_error("remove " + path, errno));
}

// Makes the old database whole without the files beside it, and removes them: a crash in between
// leaves it as good as it was.
Result<void> settle_data(const std::string& path) {
  // Without SQLite's locks, since we hold them; alone, so that a log needs no shared memory.
  Connection old = TRY(Connection::open(path, SQLITE_OPEN_READWRITE, "unix-none"));
  old.keep_log();
  TRY(old.execute("PRAGMA locking_mode=EXCLUSIVE"));
  TRY(old.execute("SELECT 1 FROM sqlite_schema LIMIT 1"));  // undoes what a journal says
  if (TRY(old.text("PRAGMA journal_mode")) == "wal") {
    const std::int64_t held_up = TRY(old.number("PRAGMA wal_checkpoint(TRUNCATE)"));
    if (held_up != 0 || has_log(path))
      return fail(Errc::busy, "its log could not be moved into it");
  }
  for (const std::string& suffix : side_suffixes) TRY(remove_if_there(path + suffix));
  return {};
}

// Under a file that is not in place any more, nobody may go on: a client knows the names of its log
// and journal by the place it opened, where another file's are now. While we hold the lock of the
// file it can only wait; nobody else comes, since the file has lost its name.
Result<void> wait_for_last(const std::string& file) {
  return wait_while_busy(waiters_time, [&]() -> Result<void> {
    const auto users = TRY(base::openers_of(file));
    if (users.empty()) return {};
    return fail(Error{Errc::busy, "it was opened by " + base::join(users, ", "),
                      "end them, and run the same command again"});
  });
}

// Makes the file `next` the file `path`, whose lock is given; what that was is `kept` afterwards.
Result<void> put_in_place(const std::string& next, const std::string& path, const std::string& kept,
                          const base::File& lock) {
  if (exists(path) && has_header(lock)) {
    Result<void> settled = settle_data(path);
    if (!settled && settled.error().code != Errc::corrupt) {
      return fail(std::move(settled.error()).during("replace " + path));
    }
  }
  // Those of a damaged or missing database go with it: they must never meet the new one.
  TRY_DURING("replace " + path, move_side_files(path, kept));
  Result<void> switched = base::sync_directory(folder_of(path));
  if (switched) switched = switch_files(next, path, kept, wait_for_last);
  if (!switched) {
    TRY(move_side_files(kept, path));
    if (exists(next)) TRY_DURING("put back " + path, wait_for_last(next));
    return fail(std::move(switched.error()).during("replace " + path));
  }
  return base::sync_directory(folder_of(path));
}

}  // namespace

Result<FileTicket> make_ticket(const std::string& path, const std::string& staged) {
  const struct stat info = info_of(staged);
  FileTicket ticket{
      path,        staged, info.st_ino, nanoseconds_of(info.st_mtim), kept_name(path, base::now()),
      exists(path)};
  if (ticket.inode == 0) return fail(Errc::internal, "{} is gone", staged);
  return ticket;
}

std::string encode_ticket(const FileTicket& ticket) {
  return nlohmann::json{{"path", ticket.path},   {"staged", ticket.staged},
                        {"inode", ticket.inode}, {"written", ticket.written},
                        {"kept", ticket.kept},   {"had_old", ticket.had_old}}
      .dump();
}

Result<FileTicket> decode_ticket(const std::string& text) {
  try {
    const auto json = nlohmann::json::parse(text);
    return FileTicket{json.at("path"),    json.at("staged"), json.at("inode"),
                      json.at("written"), json.at("kept"),   json.at("had_old")};
  } catch (const nlohmann::json::exception& error) {
    return fail(Errc::corrupt, "read the ticket of a database file: {}", error.what());
  }
}

bool FileSwitchover::swapped() const {
  return inode_of(ticket_.path) == ticket_.inode;
}

// A file that is in place lets clients in as soon as our lock is gone.
bool FileSwitchover::written_since() const {
  return nanoseconds_of(info_of(ticket_.path).st_mtim) != ticket_.written || has_log(ticket_.path);
}

// Undoes the half of a switch during which somebody was killed (see switch_files): either the
// staged file has the kept one's name already, or the old one has, and none is in place.
Result<void> FileSwitchover::settle_names() const {
  if (swapped()) return {};
  if (inode_of(ticket_.kept) == ticket_.inode) {
    TRY(rename_new(ticket_.kept, ticket_.staged));
  } else if (ticket_.had_old && !exists(ticket_.path) && exists(ticket_.kept)) {
    TRY(rename_new(ticket_.kept, ticket_.path));
  }
  if (exists(ticket_.path)) TRY(move_side_files(ticket_.kept, ticket_.path));
  if (inode_of(ticket_.staged) == ticket_.inode) return {};
  return fail(Error{Errc::not_found, "the staged file " + ticket_.staged + " is gone",
                    "undo the switch: stillpoint restore --undo; then restore again"});
}

// The lock is the one that SQLite itself takes to be alone with a file, so that it keeps everybody
// out, also those whom /proc does not show, and works where the file is damaged. Nothing is opened
// by SQLite, which would undo the journal of a killed process at once.
Result<void> FileSwitchover::lock(const std::string& path, base::File& file) const {
  if (file.descriptor() >= 0 || !exists(path)) return {};
  const std::string what = "keep others out of " + path;
  base::File opened = TRY_DURING(what, base::File::open(path, O_RDWR));
  TRY_DURING(what, lock_alone(opened));
  file = std::move(opened);
  return {};
}

Result<void> FileSwitchover::close(bool) {
  TRY_DURING("switch " + ticket_.path, settle_names());
  if (at_path_.descriptor() < 0) {
    TRY(wait_while_busy(users_time, [&] { return refuse_users(ticket_.path); }));
  }
  TRY(lock(ticket_.path, at_path_));
  return lock(swapped() ? ticket_.kept : ticket_.staged, beside_);
}

Result<std::string> FileSwitchover::swap() {
  TRY(close(false));
  if (!swapped()) {
    TRY(put_in_place(ticket_.staged, ticket_.path, ticket_.kept, at_path_));
    std::swap(at_path_, beside_);
  }
  return ticket_.had_old ? ticket_.kept : std::string();
}

Result<void> FileSwitchover::open() {
  at_path_.close();
  beside_.close();
  return {};
}

Result<void> FileSwitchover::swap_back() {
  if (!swapped()) {
    (void)settle_names();  // the staged file may be gone, and is not needed
    return {};
  }
  TRY(close(false));
  if (written_since()) {
    return fail(Error{Errc::invalid, "put back " + ticket_.path + ": it was written to since",
                      "complete the switch: stillpoint restore --resume"});
  }
  if (ticket_.had_old) {
    TRY(put_in_place(ticket_.kept, ticket_.path, ticket_.staged, at_path_));
    std::swap(at_path_, beside_);
    return {};
  }
  TRY(move_side_files(ticket_.path, ticket_.staged));
  TRY(rename_new(ticket_.path, ticket_.staged));
  return base::sync_directory(folder_of(ticket_.path));
}

Result<void> FileSwitchover::discard() {
  if (swapped()) return {};
  for (const std::string& suffix : side_suffixes) TRY(remove_if_there(ticket_.staged + suffix));
  TRY(remove_if_there(ticket_.staged));
  return base::sync_directory(folder_of(ticket_.path));
}

Result<std::unique_ptr<Switchover>> open_switchover(const Address& address,
                                                    const std::string& ticket) {
  FileTicket decoded = TRY(decode_ticket(ticket));
  if (decoded.path != follow_links(TRY(path_of(address.url)))) {
    return fail(Errc::corrupt, "the ticket of {} is for {}", address.url, decoded.path);
  }
  return std::make_unique<FileSwitchover>(std::move(decoded));
}

}  // namespace stillpoint::database::sqlite

// SPDX-License-Identifier: Apache-2.0
#include "database/sqlite/snapshot_copy.h"

#include <memory>

#include "database/sqlite/page_stream.h"
#include "database/sqlite/stream_vfs.h"

namespace stillpoint::database::sqlite {
namespace {

constexpr int pages_per_step = 256;  // between two looks at the stop token

struct Finisher {
  void operator()(sqlite3_backup* backup) const { sqlite3_backup_finish(backup); }
};

// Without a journal and with a tiny cache, pages leave the destination in order, soon, and once.
Result<Connection> open_destination(const StreamVfs& vfs) {
  Connection destination =
      TRY(Connection::open("/stream", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs.name()));
  for (const char* setting : {"locking_mode=EXCLUSIVE", "journal_mode=OFF", "synchronous=OFF",
                              "cache_size=16", "mmap_size=0"}) {
    TRY(destination.execute(std::string("PRAGMA ") + setting));
  }
  return destination;
}

}  // namespace

Result<void> copy_snapshot(Connection& source, Sink& sink, const std::stop_token& stop) {
  const auto pages = static_cast<std::uint64_t>(TRY(source.number("PRAGMA page_count")));
  const auto page_bytes = static_cast<std::uint32_t>(TRY(source.number("PRAGMA page_size")));
  const auto cookie = static_cast<std::uint32_t>(TRY(source.number("PRAGMA schema_version")));
  if (pages == 0) return {};  // an empty file; the backup API would make a page of it

  PageStream stream(page_bytes, pages, sink);
  StreamVfs vfs(stream);
  const Connection destination = TRY(open_destination(vfs));
  const std::unique_ptr<sqlite3_backup, Finisher> backup(
      sqlite3_backup_init(destination.handle(), "main", source.handle(), "main"));
  if (!backup) return fail(destination.error(sqlite3_errcode(destination.handle())));
  int code = SQLITE_OK;
  while (code == SQLITE_OK) {
    if (stop.stop_requested()) return fail(Errc::cancelled, "stopped on request");
    code = sqlite3_backup_step(backup.get(), pages_per_step);
  }
  if (vfs.error()) return fail(std::move(*vfs.error()));
  if (code != SQLITE_DONE) {
    const char* file = sqlite3_db_filename(source.handle(), "main");
    return fail(sqlite_error(code, sqlite3_errstr(code), file == nullptr ? "" : file));
  }
  return stream.finish(cookie);
}

}  // namespace stillpoint::database::sqlite

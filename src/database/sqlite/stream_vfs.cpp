// SPDX-License-Identifier: Apache-2.0
#include "database/sqlite/stream_vfs.h"

#include <algorithm>
#include <atomic>
#include <cstring>

namespace stillpoint::database::sqlite {
namespace {

struct StreamFile {
  sqlite3_file base;  // first: SQLite knows only this
  StreamVfs* owner;
};

StreamVfs& owner_of(sqlite3_file* file) {
  return *reinterpret_cast<StreamFile*>(file)->owner;
}

int close_file(sqlite3_file*) {
  return SQLITE_OK;
}

// SQLite looks for a header before it writes; pages that it has written it never reads again.
int read_file(sqlite3_file* file, void* out, int size, sqlite3_int64) {
  std::memset(out, 0, static_cast<std::size_t>(size));
  return owner_of(file).size() == 0 ? SQLITE_IOERR_SHORT_READ : SQLITE_IOERR_READ;
}

int write_file(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
  return owner_of(file).write(bytes, size, offset);
}

int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  return size == owner_of(file).size() ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
}

int file_size(sqlite3_file* file, sqlite3_int64* size) {
  *size = owner_of(file).size();
  return SQLITE_OK;
}

int sync_file(sqlite3_file*, int) {
  return SQLITE_OK;
}
int lock_file(sqlite3_file*, int) {
  return SQLITE_OK;
}
int control_file(sqlite3_file*, int, void*) {
  return SQLITE_NOTFOUND;
}
int sector_size(sqlite3_file*) {
  return 512;
}  // larger ones make SQLite write neighbours again
int characteristics(sqlite3_file*) {
  return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

int is_locked(sqlite3_file*, int* locked) {
  *locked = 0;
  return SQLITE_OK;
}

const sqlite3_io_methods methods = [] {
  sqlite3_io_methods m = {};
  m.iVersion = 1;
  m.xClose = close_file;
  m.xRead = read_file;
  m.xWrite = write_file;
  m.xTruncate = truncate_file;
  m.xSync = sync_file;
  m.xFileSize = file_size;
  m.xLock = lock_file;
  m.xUnlock = lock_file;
  m.xCheckReservedLock = is_locked;
  m.xFileControl = control_file;
  m.xSectorSize = sector_size;
  m.xDeviceCharacteristics = characteristics;
  return m;
}();

int open_file(sqlite3_vfs* vfs, const char*, sqlite3_file* file, int flags, int* flags_out) {
  file->pMethods = nullptr;
  if ((flags & SQLITE_OPEN_MAIN_DB) == 0) return SQLITE_CANTOPEN;
  file->pMethods = &methods;
  reinterpret_cast<StreamFile*>(file)->owner = static_cast<StreamVfs*>(vfs->pAppData);
  if (flags_out != nullptr) *flags_out = flags;
  return SQLITE_OK;
}

int delete_file(sqlite3_vfs*, const char*, int) {
  return SQLITE_OK;
}

int access_file(sqlite3_vfs*, const char*, int, int* exists) {
  *exists = 0;
  return SQLITE_OK;
}

int full_name(sqlite3_vfs*, const char* name, int size, char* out) {
  sqlite3_snprintf(size, out, "%s", name);
  return SQLITE_OK;
}

int randomness(sqlite3_vfs*, int size, char* out) {
  std::memset(out, 0, static_cast<std::size_t>(size));
  return size;
}

int sleep_for(sqlite3_vfs*, int microseconds) {
  return microseconds;
}

int current_time(sqlite3_vfs*, double* days) {
  *days = 0;
  return SQLITE_OK;
}

int last_error(sqlite3_vfs*, int, char*) {
  return 0;
}

std::string next_name() {
  static std::atomic<unsigned> count{0};
  return "stillpoint-stream-" + std::to_string(++count);
}

}  // namespace

StreamVfs::StreamVfs(PageStream& stream) : stream_(stream), name_(next_name()) {
  vfs_.iVersion = 1;
  vfs_.szOsFile = sizeof(StreamFile);
  vfs_.mxPathname = 512;
  vfs_.zName = name_.c_str();
  vfs_.pAppData = this;
  vfs_.xOpen = open_file;
  vfs_.xDelete = delete_file;
  vfs_.xAccess = access_file;
  vfs_.xFullPathname = full_name;
  vfs_.xRandomness = randomness;
  vfs_.xSleep = sleep_for;
  vfs_.xCurrentTime = current_time;
  vfs_.xGetLastError = last_error;
  sqlite3_vfs_register(&vfs_, 0);
}

StreamVfs::~StreamVfs() {
  sqlite3_vfs_unregister(&vfs_);
}

int StreamVfs::write(const void* bytes, int size, sqlite3_int64 offset) {
  auto written = stream_.write(static_cast<std::uint64_t>(offset),
                               {static_cast<const Byte*>(bytes), static_cast<std::size_t>(size)});
  if (!written) {
    if (!error_) error_ = std::move(written.error());
    return SQLITE_IOERR_WRITE;
  }
  size_ = std::max(size_, offset + size);
  return SQLITE_OK;
}

}  // namespace stillpoint::database::sqlite

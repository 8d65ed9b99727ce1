// SPDX-License-Identifier: Apache-2.0
#include "database/sqlite/file_switch.h"

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace stillpoint::database::sqlite {
namespace fs = std::filesystem;
namespace {

// renameat2 with flags that some file systems do not know: they say EINVAL.
int rename_with(const std::string& from, const std::string& to, unsigned flags) {
  return ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags) == 0 ? 0 : errno;
}

Error rename_error(const std::string& from, const std::string& to, int error_number) {
  return base::system_error("rename " + from + " to " + to, error_number);
}

// For file systems that cannot exchange two names: `path` is missing for a moment.
Result<void> switch_in_turn(const std::string& staged, const std::string& path,
                            const std::string& kept, const Check& check) {
  TRY(rename_new(path, kept));
  Result<void> done = check(kept);
  if (done) done = rename_new(staged, path);
  if (!done) TRY(rename_new(kept, path));
  return done;
}

}  // namespace

bool exists(const std::string& path) {
  struct stat info = {};
  return ::lstat(path.c_str(), &info) == 0;
}

std::string follow_links(const std::string& path) {
  fs::path at = path;
  std::error_code error;
  for (int links = 0; links < 40 && fs::is_symlink(fs::symlink_status(at, error)); ++links) {
    at = (at.parent_path() / fs::read_symlink(at, error)).lexically_normal();
  }
  return at.string();
}

std::string kept_name(const std::string& path, base::Time now) {
  const fs::path original = path;
  const std::string front =
      (original.parent_path() / original.stem()).string() + "_before_" + base::compact_time(now);
  const std::string extension = original.extension().string();
  std::string name = front + extension;
  const auto taken = [&] {
    bool any = exists(name);
    for (const std::string& suffix : side_suffixes) any = any || exists(name + suffix);
    return any;
  };
  for (int count = 2; taken(); ++count) name = fmt::format("{}_{}{}", front, count, extension);
  return name;
}

Result<void> rename_new(const std::string& from, const std::string& to) {
  int error = rename_with(from, to, RENAME_NOREPLACE);
  if (error == EINVAL || error == ENOSYS) {
    error = exists(to) ? EEXIST : rename_with(from, to, 0);
  }
  if (error != 0) return fail(rename_error(from, to, error));
  return {};
}

Result<void> move_side_files(const std::string& from, const std::string& to) {
  std::vector<std::string> moved;
  for (const std::string& suffix : side_suffixes) {
    if (!exists(from + suffix)) continue;
    auto done = rename_new(from + suffix, to + suffix);
    if (!done) {
      for (const std::string& back : moved) TRY(rename_new(to + back, from + back));
      return done;
    }
    moved.push_back(suffix);
  }
  return {};
}

Result<void> switch_files(const std::string& staged, const std::string& path,
                          const std::string& kept, const Check& check) {
  if (!exists(path)) return rename_new(staged, path);
  // Under the kept name first: so a file that is named as staged is never the old data, and who
  // finds one after a crash may remove it.
  TRY(rename_new(staged, kept));
  const int error = rename_with(kept, path, RENAME_EXCHANGE);
  Result<void> done;
  if (error == 0) {
    done = check(kept);  // which is the old file now
    if (done) return done;
    const int back = rename_with(kept, path, RENAME_EXCHANGE);
    if (back != 0) return fail(rename_error(kept, path, back));
  } else if (error != EINVAL && error != ENOSYS) {
    done = fail(rename_error(kept, path, error));
  }
  TRY(rename_new(kept, staged));
  return done ? switch_in_turn(staged, path, kept, check) : done;
}

}  // namespace stillpoint::database::sqlite

// SPDX-License-Identifier: Apache-2.0
// What changed from one backup to another, by what their manifests say, or by their files where one
// has no manifest; and which bytes they share. No data is read.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "backup/catalogue.h"
#include "backup/manifest.h"
#include "base/result.h"
#include "repository/repository.h"

namespace stillpoint::backup {

// unknown: as many rows as before, no checksum of them, and the database's files did change.
enum class Change { same, added, removed, changed, unknown };
std::string_view name_of(Change change);

struct SettingChange {
  std::string name = {};
  std::optional<std::string> before = {};  // none: it was not there
  std::optional<std::string> after = {};
};

struct ObjectChange {
  Change change = Change::changed;
  std::string kind = {};
  std::string name = {};
  std::optional<std::uint64_t> rows_before = {};
  std::optional<std::uint64_t> rows_after = {};
};

struct FileChange {
  Change change = Change::changed;
  std::string path = {};
  std::uint64_t bytes_before = 0;
  std::uint64_t bytes_after = 0;
};

struct DatabaseChange {
  Change change = Change::same;
  std::string name = {};
  std::uint64_t bytes_before = 0;
  std::uint64_t bytes_after = 0;
  std::uint64_t rows_before = 0;  // of all that were counted
  std::uint64_t rows_after = 0;
  std::vector<SettingChange> settings = {};
  std::vector<ObjectChange> objects = {};  // without those that are the same
  std::vector<FileChange> files = {};      // paths below the database's folder
};

// Of the chunks of all files, each counted once.
struct Sharing {
  struct Amount {
    std::uint64_t chunks = 0;
    std::uint64_t bytes = 0;   // plain
    std::uint64_t stored = 0;  // compressed and sealed
  };
  Amount shared = {};
  Amount only_before = {};
  Amount only_after = {};
};

struct Difference {
  Listed before = {};
  Listed after = {};
  bool by_files = false;                       // one of them has no manifest
  std::vector<SettingChange> settings = {};    // of the layer
  std::vector<DatabaseChange> databases = {};  // all of them, in the order of their names
  std::vector<FileChange> files = {};          // by files: paths in the backup
  Sharing sharing = {};
};

// What two manifests tell; `sharing` and the backups are not filled in.
Difference compare(const Manifest& before, const Manifest& after);

// The repository's index must be loaded.
Result<Difference> find_difference(repository::Repository& repository, const Listed& before,
                                   const Listed& after, std::stop_token stop);

}  // namespace stillpoint::backup

// SPDX-License-Identifier: Apache-2.0
// manifest.json: what a backup holds, which instant it stands for, and why one may believe it.
// Its schema: docs/formats/manifest.schema.json.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backup/system.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/sha256.h"
#include "database/database.h"

namespace stillpoint::backup {

inline constexpr std::uint64_t manifest_format = 1;
inline constexpr const char* manifest_path = "manifest.json";

enum class Branch { one_snapshot, no_layer_separate, no_layer_together };
std::string_view name_of(Branch branch);

// proven: consistency was shown. unproven: it was not (kept only on --allow-unproven).
enum class Verdict { proven, unproven };
std::string_view name_of(Verdict verdict);

// One fact that speaks for or against the backup's consistency.
struct Evidence {
  std::string kind = {};  // "one_snapshot", "write_mark"
  std::string database = {};
  std::string before = {};  // of a write mark
  std::string after = {};
  bool holds = true;
  std::string text = {};  // for people
};

struct StoredFile {
  std::string path = {};  // in the backup
  std::uint64_t bytes = 0;
  Id content = {};  // SHA-256 over the ids of its chunks
};

struct DatabaseEntry {
  std::string name = {};
  std::string kind = {};
  std::string url = {};
  std::string folder = {};  // in the backup
  base::Time opened = {};
  std::chrono::microseconds open_time = {};
  database::RestorePoint point = {};
  database::Capabilities capabilities = {};
  std::vector<database::Setting> settings = {};
  std::vector<std::string> warnings = {};
  std::vector<std::string> left_out = {};
  std::vector<database::Object> objects = {};  // without parts
  std::vector<StoredFile> files = {};

  // A file's path below the folder: what the database called the part.
  std::string part_of(const StoredFile& file) const { return file.path.substr(folder.size() + 1); }
  std::uint64_t bytes() const;   // of all files
  std::uint64_t rows() const;    // of all tables that were counted
  std::uint64_t tables() const;  // that were counted
};

struct Manifest {
  std::string program = {};
  std::string system = {};
  std::string label = {};
  base::Time created = {};
  Consistency consistency = Consistency::separate;
  Branch branch = Branch::one_snapshot;
  std::string reason = {};  // why that branch
  Verdict verdict = Verdict::unproven;
  std::vector<Evidence> evidence = {};
  std::vector<DatabaseEntry> databases = {};
};

std::string encode_manifest(const Manifest& manifest);
Result<Manifest> decode_manifest(ByteView text);

}  // namespace stillpoint::backup

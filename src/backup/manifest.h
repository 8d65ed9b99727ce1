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
#include "window/clocks.h"
#include "window/pause.h"

namespace stillpoint::backup {

inline constexpr std::uint64_t manifest_format = 1;
inline constexpr const char* manifest_path = "manifest.json";

// The last is of a restore point: no data, but instants in the databases' own logs.
enum class Branch {
  one_snapshot,
  commit_gate,
  pause,
  no_layer_separate,
  no_layer_together,
  restore_point,
};
std::string_view name_of(Branch branch);

// proven: consistency was shown. paused: everybody who is known stood still, more cannot be told.
// unproven: neither (a backup is kept then only on --allow-unproven). damaged: whatever was shown,
// something of it is lost since; no manifest is written with it, it is told by the record.
enum class Verdict { proven, paused, unproven, damaged };
std::string_view name_of(Verdict verdict);

// One fact that speaks for or against the backup's consistency.
struct Evidence {
  // "one_snapshot", "write_mark", "pause", "not_examined", "commit_gate", "coordinator_unchanged",
  // and the kinds of a layer's findings
  std::string kind = {};
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

// How a database's clock stands to ours, and which times by it lie in the window.
struct ClockFacts {
  window::Offset offset = {};
  std::chrono::nanoseconds granularity = {};
  std::optional<window::RestoreTime> restore = {};  // none: the window was too short
};

// The pause that snapshots were opened in, or a restore point marked.
struct HeldWindow {
  window::PauseEvidence pause = {};
  // Why it took so long: as long as the "openings", or a restore point's "measured", "unmeasured",
  // "given".
  std::string rule = {};
  std::chrono::nanoseconds held = {};
  window::OwnClock own_clock = {};
  base::Time middle() const { return pause.begin + (pause.end - pause.begin) / 2; }
};

// A try to shut the commit gate.
struct GateTry {
  base::Time asked = {};
  base::Duration waited = {};  // for the locks
  base::Duration held = {};    // from the last lock to the last answer of a release; 0: never
  std::string failure = {};    // empty: this one succeeded
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
  std::vector<std::string> lost = {};          // paths of its files that a repair has found lost
  std::vector<database::Object> objects = {};  // without parts
  std::vector<StoredFile> files = {};
  std::optional<ClockFacts> clock = {};  // of a restore point

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
  std::string layer = "none";
  std::vector<database::Setting> layer_settings = {};
  std::vector<std::string> warnings = {};  // what the layer warns of
  Branch branch = Branch::one_snapshot;
  std::string reason = {};  // why that branch
  Verdict verdict = Verdict::unproven;
  std::vector<Evidence> evidence = {};
  std::optional<HeldWindow> window = {};  // where somebody was paused
  std::vector<GateTry> gate = {};         // where there was a commit gate; the last succeeded
  std::vector<DatabaseEntry> databases = {};
};

std::string encode_manifest(const Manifest& manifest);
Result<Manifest> decode_manifest(ByteView text);

}  // namespace stillpoint::backup

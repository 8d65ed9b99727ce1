// SPDX-License-Identifier: Apache-2.0
// What the user asked for, as plain data. arguments.cpp fills it in; commands/ act on it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace stillpoint::cli {

// Options that every command takes. Empty: not given.
struct GlobalOptions {
  std::string config = {};
  std::string repository = {};
  std::string password_file = {};
  std::string password_command = {};
  std::string state_dir = {};
  std::string cache = {};  // auto, on, off
  std::string cache_dir = {};
  std::uint64_t cache_bytes = 0;
  bool json = false;
  bool quiet = false;
  bool verbose = false;
};

// How databases are read.
struct ReadingOptions {
  std::vector<std::string> tables = {};
  std::vector<std::string> exclude_tables = {};
  unsigned jobs = 0;
  double lock_wait_seconds = 10;
  double snapshot_max_hours = 24;
};

// Whose instances are paused.
struct PauseTarget {
  std::vector<std::string> srv = {};        // names of SRV records
  std::vector<std::string> addresses = {};  // HOST:PORT
  bool tls = false;
  std::string ca_path = {};
  std::string ca_pem = {};
  std::string authority = {};
  std::string dns_server = {};  // IP:PORT; empty: the system's
  bool any() const { return !srv.empty() || !addresses.empty(); }
};

// A system by the properties of its ScalarDB applications, without stillpoint.yaml.
struct PropertiesOptions {
  std::vector<std::string> properties = {};
  std::string system = {};  // its name; empty: the first file's
};

// How commits are held still. What is not given is as configured.
struct WindowOptions {
  std::string kind = {};  // auto, gate, pause
  PauseTarget target = {};
};

struct InitCommand {};

struct BackupCommand {
  std::vector<std::string> what = {};  // systems or URLs; empty: every system
  std::string label = {};
  std::string compression = {};  // off, auto, max
  int pack_mib = 0;              // 0: as configured
  bool allow_unproven = false;
  ReadingOptions reading = {};
  std::uint64_t bytes_per_second = 0;
  PropertiesOptions properties = {};
  WindowOptions window = {};
};

struct PlanCommand {
  std::vector<std::string> what = {};
  ReadingOptions reading = {};
  PropertiesOptions properties = {};
  WindowOptions window = {};
};

struct ListCommand {
  std::string system = {};
};

struct ShowCommand {
  std::string backup = {};
};

struct LsCommand {
  std::string backup = {};
  std::string path = {};
};

struct DumpCommand {
  std::string backup = {};
  std::string path = {};
  std::string output = {};  // empty: stdout
};

struct CheckCommand {
  bool read_data = false;
  std::string subset = {};  // "n/t", "x%" or a size; empty: all or none
  std::uint64_t seed = 0;   // of a random subset; 0: a new one
};

// Counts: -1 is without limit. The arrays are by repository::Period: hour, day, week, month, year.
struct ForgetCommand {
  std::vector<std::string> backups = {};
  std::vector<std::string> systems = {};
  int keep_last = 0;
  std::array<int, 5> keep = {};
  std::string keep_within = {};  // "2y5m7d3h"; empty: not given
  std::array<std::string, 5> keep_within_each = {};
  std::vector<std::string> keep_tags = {};  // each a list with commas
  bool dry_run = false;
  bool foreign = false;
  bool allow_empty = false;
};

enum class KeyAction { list, add, remove, change };

// Where another password than the repository's comes from. Empty: not given.
struct PasswordOptions {
  std::string file = {};
  std::string command = {};
};

struct KeyCommand {
  KeyAction action = KeyAction::list;
  std::string key = {};  // to be removed: the front of its id
  PasswordOptions new_password = {};
  PasswordOptions other_password = {};  // opens a key that stays
};

struct UnlockCommand {
  bool all = false;
};

struct DiffCommand {
  std::string before = {};
  std::string after = {};
};

// From the repository of the run into another.
struct CopyCommand {
  std::vector<std::string> backups = {};  // empty: all
  std::string system = {};                // only of this one
  std::string to = {};
  std::string password_file = {};  // of the other repository; neither: the same password
  std::string password_command = {};
  bool dry_run = false;
};

struct PruneCommand {
  std::string max_unused = "5%";
  std::uint64_t max_repack_bytes = 0;  // 0: no limit
  bool repack_small = false;
  double grace_seconds = 24 * 3600;
  bool dry_run = false;
};

struct RepairIndexCommand {
  bool read_all_packs = false;
  bool dry_run = false;
};

struct RepairPacksCommand {
  std::vector<std::string> packs = {};  // fronts of ids
  bool damaged = false;                 // instead: all that reading finds damaged
  bool dry_run = false;
};

struct RepairSnapshotsCommand {
  std::vector<std::string> backups = {};  // empty: all
  bool forget = false;                    // the originals
  bool dry_run = false;
};

struct VerifyCommand {
  std::string backup = "latest";
  bool restore = false;  // also where its records can be looked at
  std::string scratch = {};
  unsigned jobs = 0;
  PropertiesOptions properties = {};
};

struct RestoreCommand {
  std::string backup = {};  // may be empty where an interrupted switch is gone on with
  std::vector<std::string> databases = {};
  std::vector<std::string> to = {};      // "URL" or "DATABASE=URL"
  std::vector<std::string> tables = {};  // "ns.t" or "ns.t=ns.t2"
  unsigned jobs = 0;
  bool yes = false;
  bool dry_run = false;
  bool force = false;
  bool resume = false;
  bool undo = false;
  bool in_place = false;
  bool no_owner = false;
  bool alone = false;  // part of what belongs together
  PropertiesOptions properties = {};
};

struct CleanupCommand {
  std::vector<std::string> what = {};  // systems or URLs; empty: every system
  bool old = false;                    // also what restores have replaced
  bool yes = false;
};

struct StorageCheckCommand {
  std::string url = {};
};

enum class AdminAction { pause, unpause, check_paused, stats };

struct AdminCommand {
  AdminAction action = AdminAction::pause;
  PauseTarget target = {};
  bool no_wait = false;
  std::int64_t drain_max_ms = 30000;
  double timeout_seconds = 30;
  double for_seconds = 0;  // paused for so long at most; 0: until somebody unpauses
  bool journal = false;    // unpause: what killed runs have left paused
  bool forget = false;     // and never mind those that cannot be reached
};

struct HoldCommand {
  PauseTarget target = {};
  std::vector<std::string> command = {};
  bool no_wait = false;
  std::int64_t drain_max_ms = 30000;
  double hold_max_seconds = 60;
  double timeout_seconds = 30;
  std::string evidence = {};  // a file
};

struct RestorePointCommand {
  std::vector<std::string> what = {};  // systems or URLs; empty: no database is examined
  PauseTarget target = {};
  std::vector<std::string> clocks = {};  // [NAME=]URL
  std::string clock_ca = {};
  double hold_seconds = -1;  // negative: as long as the rule needs
  std::int64_t drain_max_ms = 30000;
  double timeout_seconds = 30;
  std::string system = {};
  std::string label = {};
  std::string time_zone = "Etc/UTC";
  bool print_only = false;
};

using Command =
    std::variant<InitCommand, BackupCommand, PlanCommand, ListCommand, ShowCommand, LsCommand,
                 DumpCommand, CheckCommand, VerifyCommand, RestoreCommand, CleanupCommand,
                 ForgetCommand, KeyCommand, UnlockCommand, DiffCommand, StorageCheckCommand,
                 AdminCommand, HoldCommand, RestorePointCommand, CopyCommand, PruneCommand,
                 RepairIndexCommand, RepairPacksCommand, RepairSnapshotsCommand>;

}  // namespace stillpoint::cli

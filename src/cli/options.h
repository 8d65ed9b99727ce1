// SPDX-License-Identifier: Apache-2.0
// What the user asked for, as plain data. arguments.cpp fills it in; commands/ act on it.
#pragma once

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

struct InitCommand {};

struct BackupCommand {
  std::vector<std::string> what = {};  // systems or URLs; empty: every system
  std::string label = {};
  std::string compression = {};  // off, auto, max
  int pack_mib = 0;              // 0: as configured
  bool allow_unproven = false;
  ReadingOptions reading = {};
  std::uint64_t bytes_per_second = 0;
};

struct PlanCommand {
  std::vector<std::string> what = {};
  ReadingOptions reading = {};
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
};

struct VerifyCommand {
  std::string backup = "latest";
  std::string scratch = {};
  unsigned jobs = 0;
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
};

struct CleanupCommand {
  std::vector<std::string> what = {};  // systems or URLs; empty: every system
  bool old = false;                    // also what restores have replaced
  bool yes = false;
};

struct StorageCheckCommand {
  std::string url = {};
};

using Command = std::variant<InitCommand, BackupCommand, PlanCommand, ListCommand, ShowCommand,
                             LsCommand, DumpCommand, CheckCommand, VerifyCommand, RestoreCommand,
                             CleanupCommand, StorageCheckCommand>;

}  // namespace stillpoint::cli

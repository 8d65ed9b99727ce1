// SPDX-License-Identifier: Apache-2.0
// What the user asked for, as plain data. arguments.cpp fills it in; commands/ act on it.
#pragma once

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

struct InitCommand {};

struct BackupCommand {
  std::vector<std::string> what = {};  // systems or URLs; empty: every system
  std::string label = {};
  std::string compression = {};  // off, auto, max
  int pack_mib = 0;              // 0: as configured
  bool allow_unproven = false;
};

struct PlanCommand {
  std::vector<std::string> what = {};
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
};

struct RestoreCommand {
  std::string backup = {};
  std::vector<std::string> databases = {};
  std::vector<std::string> to = {};  // "URL" or "DATABASE=URL"
  bool yes = false;
  bool dry_run = false;
};

struct StorageCheckCommand {
  std::string url = {};
};

using Command =
    std::variant<InitCommand, BackupCommand, PlanCommand, ListCommand, ShowCommand, LsCommand,
                 DumpCommand, CheckCommand, VerifyCommand, RestoreCommand, StorageCheckCommand>;

}  // namespace stillpoint::cli

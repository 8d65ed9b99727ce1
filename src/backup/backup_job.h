// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "backup/manifest.h"
#include "backup/plan.h"
#include "base/result.h"
#include "job/job.h"
#include "repository/backup_writer.h"
#include "window/pause.h"

namespace stillpoint::backup {

struct BackupOptions {
  std::string label = {};
  bool allow_unproven = false;
  database::ReadOptions read = {};
  std::uint64_t bytes_per_second = 0;  // read at most so fast; 0: as fast as it goes
  repository::WriteOptions write = {};
  window::PauseOptions pause = {};  // but for what the system says
};

struct BackupOutcome {
  repository::Record record = {};
  Manifest manifest = {};
  std::uint64_t bytes_read = 0;
  std::uint64_t bytes_new = 0;
  std::uint64_t bytes_stored = 0;
  std::uint64_t chunks = 0;
  std::uint64_t chunks_new = 0;
};

// What the manifest's databases could not give, by name.
std::vector<std::string> left_out(const Manifest& manifest);

// Takes a backup of the system. Nothing is visible in the repository before it is complete.
// `unproven` where consistency could not be shown and was not waived.
Result<BackupOutcome> take_backup(const System& system, repository::Repository& repository,
                                  const BackupOptions& options, job::Job::Context& job);

}  // namespace stillpoint::backup

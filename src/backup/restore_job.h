// SPDX-License-Identifier: Apache-2.0
// Restore: stage everything, verify everything, then switch.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "backup/catalogue.h"
#include "backup/manifest.h"
#include "database/target.h"
#include "job/job.h"
#include "repository/repository.h"

namespace stillpoint::backup {

struct RestoreRequest {
  std::vector<std::string> databases = {};     // empty: all of the backup
  std::map<std::string, std::string> to = {};  // database name → URL; else where it came from
};

struct PlannedRestore {
  DatabaseEntry entry = {};
  std::string url = {};
  database::Existing existing = {};
  std::unique_ptr<database::Target> target;
};

struct RestorePlan {
  Listed backup = {};
  Manifest manifest = {};
  std::vector<PlannedRestore> databases;
};

// Decides what goes where and looks at what stands there. Touches nothing.
Result<RestorePlan> plan_restore(const repository::Repository& repository, const Listed& backup,
                                 const RestoreRequest& request, std::stop_token stop);

struct RestoredDatabase {
  std::string name = {};
  std::string url = {};
  std::string kept = {};  // where the old data is; empty where there was none
  std::uint64_t bytes = 0;
  std::uint64_t rows = 0;
};

// Stages and verifies all databases, then fences all, swaps all, unfences all. A failure before the
// first swap leaves everything as it was; the message says so where it came later.
Result<std::vector<RestoredDatabase>> restore(const repository::Repository& repository,
                                              RestorePlan& plan, job::Job::Context& job);

// The drill: the same up to the switch, in `scratch`, and everything is removed again.
Result<std::vector<RestoredDatabase>> drill(const repository::Repository& repository,
                                            const Listed& backup, const std::string& scratch,
                                            job::Job::Context& job);

}  // namespace stillpoint::backup

// SPDX-License-Identifier: Apache-2.0
// Restore: stage everything, verify everything, then switch.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "backup/catalogue.h"
#include "backup/manifest.h"
#include "backup/switch_journal.h"
#include "database/target.h"
#include "job/job.h"
#include "repository/repository.h"

namespace stillpoint::backup {

struct RestoreRequest {
  std::vector<std::string> databases = {};     // empty: all of the backup
  std::map<std::string, std::string> to = {};  // database name → URL; else where it came from
  std::vector<DatabaseSpec> known = {};        // how to be let in where these are
  bool alone = false;                          // part of what belongs together is meant
  database::RestoreOptions options = {};
};

struct PlannedRestore {
  DatabaseEntry entry = {};
  std::string url = {};  // without secrets
  database::Address address = {};
  database::Existing existing = {};
  std::unique_ptr<database::Target> target;
};

struct RestorePlan {
  Listed backup = {};
  Manifest manifest = {};
  std::vector<PlannedRestore> databases;
  bool replaces = true;  // what exists; else it is added to
  bool force = false;
};

// Decides what of the backup, whose manifest this is, goes where, and looks at what stands there.
// Touches nothing.
Result<RestorePlan> plan_restore(const Listed& backup, Manifest manifest,
                                 const RestoreRequest& request);

struct RestoredDatabase {
  std::string name = {};
  std::string url = {};
  std::string kept = {};  // where the old data is; empty where there was none
  std::uint64_t bytes = 0;
  std::uint64_t rows = 0;
};

// Stages and verifies all databases, then switches all of them, or none. Where a kill in between
// leaves several half-switched, finish_switch (switch_job.h) goes on by the journal.
Result<std::vector<RestoredDatabase>> restore(const repository::Repository& repository,
                                              RestorePlan& plan, const SwitchJournals& journals,
                                              job::Job::Context& job);

// The drill: the same up to the switch, beside the original or in `scratch`, and everything is
// removed again. Every staged row is read back.
Result<std::vector<RestoredDatabase>> drill(const repository::Repository& repository,
                                            const Listed& backup, const RestoreRequest& request,
                                            const std::string& scratch, job::Job::Context& job);

// The address of a database at that URL: with what is known of how to be let in there.
Result<database::Address> address_of(const std::string& url,
                                     const std::vector<DatabaseSpec>& known);

}  // namespace stillpoint::backup

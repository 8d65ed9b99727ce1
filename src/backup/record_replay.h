// SPDX-License-Identifier: Apache-2.0
// Looks at every record of a stored backup as its transaction layer's recovery would, without
// restoring it: docs/user/verify.md.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "backup/catalogue.h"
#include "base/result.h"
#include "job/job.h"
#include "layer/scalardb/replay/replay.h"
#include "repository/repository.h"

namespace stillpoint::backup {

// Whether a backup has records that can be replayed: its layer is ScalarDB or Scalar DL.
bool has_records(const Manifest& manifest);

struct ReplayedRecords {
  layer::scalardb::ReplayReport report = {};
  // One for each suspect: "record 7 of bank.accounts, transaction 4f…".
  std::vector<std::string> names = {};
  bool one_phase_commit = false;  // records without a state are to be expected
};

// Streams the backup once, and once more where something has to be named. What does not fit into
// memory, and database files, go to `scratch`. `corrupt` where a database of it is damaged.
Result<ReplayedRecords> replay_records(const repository::Repository& repository,
                                       const Listed& backup, const Manifest& manifest,
                                       const std::string& scratch, job::Job::Context& job);

}  // namespace stillpoint::backup

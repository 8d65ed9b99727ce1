// SPDX-License-Identifier: Apache-2.0
// What the commands of one run share: options, configuration, the stop request, output.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/config.h"
#include "cli/options.h"
#include "database/database.h"
#include "job/job.h"
#include "repository/lock.h"
#include "repository/repository.h"

namespace stillpoint::cli {

struct Session {
  GlobalOptions options = {};
  Config config = {};
  std::stop_token stop = {};
};

// The storage of a repository. Where it does not answer at all, the process ends and says so: its
// lock expires then, and nothing that is half-made is visible.
Result<std::unique_ptr<storage::Backend>> open_storage(const Session& session,
                                                       const std::string& url);
// From --repo, the environment, the configuration; `invalid` where none names one.
Result<std::string> repository_url(const Session& session);
// Read past any cache: what it gives is what is stored.
Result<std::unique_ptr<repository::Repository>> open_repository(const Session& session);
// With a cache, where the options want one.
Result<std::unique_ptr<repository::Repository>> open_cached_repository(const Session& session);
// The first of these, of another URL, with these options for its password.
Result<std::unique_ptr<repository::Repository>> open_repository(const Session& session,
                                                                const std::string& url,
                                                                const GlobalOptions& options);

// A repository to read: locked (shared) so that nothing is pruned away meanwhile. On media that
// cannot be written there is no lock, and a warning.
enum class ReadFrom { cache, storage };
struct Reading {
  std::unique_ptr<repository::Repository> repository;
  std::unique_ptr<repository::Lock> lock;  // last: released before the repository goes
};
Result<Reading> open_for_reading(const Session& session, bool with_index,
                                 ReadFrom from = ReadFrom::cache);

// How to read databases, from the command line.
database::ReadOptions read_options(const ReadingOptions& options);

// Runs work as a job, shows its progress, and hands stop requests on.
Result<void> run_job(const Session& session, const std::string& kind, const job::Job::Work& work);

// Where scratch files and journals go; it may not be there yet.
std::string state_dir(const Session& session);

}  // namespace stillpoint::cli

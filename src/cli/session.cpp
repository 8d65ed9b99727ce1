// SPDX-License-Identifier: Apache-2.0
#include "cli/session.h"

#include <cstdlib>

#include <unistd.h>

#include "backup/test_hooks.h"
#include "base/file.h"
#include "base/log.h"
#include "cli/cache.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/password.h"
#include "cli/progress_display.h"
#include "storage/decorators/retrying.h"
#include "storage/decorators/watched.h"

namespace stillpoint::cli {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

Result<std::string> repository_url(const Session& session) {
  for (const std::string& url : {session.options.repository, environment("STILLPOINT_REPOSITORY"),
                                 session.config.repository, environment("RESTIC_REPOSITORY")}) {
    if (!url.empty()) return url;
  }
  return fail(Error{Errc::invalid, "no repository was named",
                    "give --repo, set STILLPOINT_REPOSITORY, or write it into stillpoint.yaml"});
}

Result<std::unique_ptr<storage::Backend>> open_storage(const Session& session,
                                                       const std::string& url) {
  const auto give_up = [json = session.options.json](const Error& error) {
    print_error(error, json);
    ::_exit(exit_code_of(error.code));
  };
  auto watched = std::make_unique<storage::Watched>(TRY(storage::open(url)),
                                                    backup::test_hooks().storage_answer, give_up);
  return std::make_unique<storage::Retrying>(std::move(watched), session.stop);
}

Result<std::unique_ptr<repository::Repository>> open_repository(const Session& session) {
  return open_repository(session, TRY(repository_url(session)), session.options);
}

Result<std::unique_ptr<repository::Repository>> open_repository(const Session& session,
                                                                const std::string& url,
                                                                const GlobalOptions& options) {
  auto backend = TRY(open_storage(session, url));
  // Whether there is one is asked first: a password for nothing would be a silly question.
  const auto config = backend->stat("config");
  if (!config && config.error().code == Errc::not_found) {
    return repository::Repository::open(std::move(backend), base::Secret());
  }
  const base::Secret password = TRY(find_password(options, session.config, false));
  return repository::Repository::open(std::move(backend), password);
}

Result<std::unique_ptr<repository::Repository>> open_cached_repository(const Session& session) {
  auto repository = TRY(open_repository(session));
  use_cache(session, *repository);
  return repository;
}

Result<Reading> open_for_reading(const Session& session, bool with_index, ReadFrom from) {
  Reading reading;
  reading.repository = TRY(open_repository(session));
  if (from == ReadFrom::cache) use_cache(session, *reading.repository);
  auto lock =
      repository::Lock::acquire(*reading.repository, repository::LockKind::shared, session.stop);
  if (lock) {
    reading.lock = std::move(*lock);
  } else if (lock.error().code == Errc::denied || lock.error().code == Errc::no_space) {
    log(LogLevel::info, "read without a lock: {}", lock.error().message);
  } else {
    return fail(std::move(lock.error()));
  }
  if (with_index) TRY(reading.repository->load_index(session.stop));
  return reading;
}

database::ReadOptions read_options(const ReadingOptions& options) {
  const auto duration = [](double seconds) {
    return std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(seconds));
  };
  database::ReadOptions reading;
  reading.readers = options.jobs;
  reading.choice = {options.tables, options.exclude_tables};
  reading.lock_wait = duration(options.lock_wait_seconds);
  reading.snapshot_max = duration(options.snapshot_max_hours * 3600);
  return reading;
}

Result<void> run_job(const Session& session, const std::string& kind, const job::Job::Work& work) {
  const bool talk = !session.options.quiet;
  ProgressDisplay display(talk && !session.options.json, talk && session.options.json);
  job::Job job(kind);
  const std::stop_callback cancel(session.stop, [&] { job.cancel(); });
  job.start(work);
  while (!job.wait_for(std::chrono::milliseconds(500))) display.update(job.status());
  display.finish(job.status());
  return job.result();
}

std::string state_dir(const Session& session) {
  std::string folder = session.options.state_dir;
  if (folder.empty()) folder = environment("STILLPOINT_STATE_DIR");
  if (folder.empty()) folder = session.config.state_dir;
  if (folder.empty() && ::geteuid() == 0) folder = "/var/lib/stillpoint";
  if (folder.empty() && !environment("XDG_STATE_HOME").empty()) {
    folder = environment("XDG_STATE_HOME") + "/stillpoint";
  }
  if (folder.empty()) folder = environment("HOME") + "/.local/state/stillpoint";
  return folder;
}

}  // namespace stillpoint::cli

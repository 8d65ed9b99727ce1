// SPDX-License-Identifier: Apache-2.0
#include "backup/restore_job.h"

#include <algorithm>

#include "base/text.h"
#include "database/database.h"
#include "repository/backup_reader.h"

namespace stillpoint::backup {
namespace {

std::vector<std::string> names_of(const Manifest& manifest) {
  std::vector<std::string> names;
  for (const DatabaseEntry& entry : manifest.databases) names.push_back(entry.name);
  return names;
}

Result<void> check_named(const std::string& name, const std::vector<std::string>& known) {
  if (std::find(known.begin(), known.end(), name) != known.end()) return {};
  const std::string near = base::closest(name, known);
  return fail(Error{
      Errc::not_found, fmt::format("the backup holds no database '{}'", base::printable(name)),
      near.empty() ? "it holds: " + base::join(known, ", ") : "did you mean '" + near + "'?"});
}

// Stages one database and holds it against the backup; nothing that exists is touched.
Result<void> stage(const repository::Repository& repository, const Listed& backup,
                   PlannedRestore& planned, job::Job::Context& job) {
  const DatabaseEntry& entry = planned.entry;
  TRY(planned.target->prepare(entry.bytes()));
  for (const StoredFile& file : entry.files) {
    job.phase("restore " + file.path);
    const repository::Node node = TRY(find_stored_file(repository, backup, file));
    // A target knows parts by their path below the database's folder.
    const std::string part = file.path.substr(entry.folder.size() + 1);
    const auto sink = TRY(planned.target->stage(part, file.bytes));
    const repository::FileSink write = [&](std::uint64_t offset, ByteView bytes) -> Result<void> {
      job.progress().bytes_done += bytes.size();
      return sink->write(offset, bytes);
    };
    TRY_DURING(file.path, repository::read_file(repository, node, write, job.stop()));
    TRY(sink->finish());
  }
  job.phase("verify " + entry.name);
  return planned.target->verify(entry.objects, job.stop());
}

Result<void> stage_all(const repository::Repository& repository, RestorePlan& plan,
                       job::Job::Context& job) {
  for (const PlannedRestore& planned : plan.databases) {
    job.progress().bytes_total += planned.entry.bytes();
  }
  for (PlannedRestore& planned : plan.databases) {
    TRY_DURING("restore " + planned.entry.name, job.task(planned.entry.name, [&] {
      return stage(repository, plan.backup, planned, job);
    }));
  }
  return {};
}

// The fence would refuse them at the end: whoever waits for a large database wants to know now.
Result<void> refuse_users(const RestorePlan& plan) {
  for (const PlannedRestore& planned : plan.databases) {
    const database::Existing existing = TRY(planned.target->inspect());
    if (existing.used_by.empty()) continue;
    return fail(Error{Errc::busy,
                      fmt::format("restore {}: {} is open in {}", planned.entry.name,
                                  existing.description, base::join(existing.used_by, ", ")),
                      "end them, and run the same command again; or restore elsewhere with --to"});
  }
  return {};
}

RestoredDatabase restored_of(const PlannedRestore& planned) {
  return {planned.entry.name, planned.url, {}, planned.entry.bytes(), planned.entry.rows()};
}

// Fences all before the first swap, so that nobody writes into a new one and an old one.
Result<std::vector<RestoredDatabase>> switch_all(RestorePlan& plan, job::Job::Context& job) {
  job.phase("switch");
  for (PlannedRestore& planned : plan.databases) {
    TRY_DURING("fence " + planned.entry.name, planned.target->fence());
  }
  if (job.stop().stop_requested()) return fail(Errc::cancelled, "interrupted before the switch");
  std::vector<RestoredDatabase> done;
  for (PlannedRestore& planned : plan.databases) {
    RestoredDatabase restored = restored_of(planned);
    Result<std::string> kept = planned.target->swap();
    if (!kept) {
      Error error = std::move(kept.error()).during("switch " + planned.entry.name);
      for (const RestoredDatabase& other : done) {
        error.message += fmt::format("; {} was already switched, its old data is {}", other.name,
                                     other.kept.empty() ? "none" : other.kept);
      }
      return fail(std::move(error));
    }
    restored.kept = std::move(*kept);
    done.push_back(std::move(restored));
  }
  for (PlannedRestore& planned : plan.databases) {
    TRY_DURING("unfence " + planned.entry.name, planned.target->unfence());
  }
  return done;
}

}  // namespace

Result<RestorePlan> plan_restore(const repository::Repository& repository, const Listed& backup,
                                 const RestoreRequest& request, std::stop_token stop) {
  RestorePlan plan {
    backup, TRY(load_manifest(repository, backup, std::move(stop)))
    , {}
  };
  const std::vector<std::string> known = names_of(plan.manifest);
  for (const std::string& name : request.databases) TRY(check_named(name, known));
  for (const auto& [name, url] : request.to) TRY(check_named(name, known));
  for (const DatabaseEntry& entry : plan.manifest.databases) {
    const bool wanted = request.databases.empty() ||
                        std::find(request.databases.begin(), request.databases.end(), entry.name) !=
                            request.databases.end();
    if (!wanted) continue;
    const auto elsewhere = request.to.find(entry.name);
    PlannedRestore planned;
    planned.entry = entry;
    planned.url = elsewhere != request.to.end() ? elsewhere->second : entry.url;
    const std::string doing = "restore " + entry.name + " to " + base::printable(planned.url);
    const database::Kind* from = TRY_DURING(doing, database::kind_named(entry.kind));
    const database::Kind* kind =
        elsewhere != request.to.end() && planned.url.find("://") != std::string::npos
        ? TRY_DURING(doing, database::kind_of(planned.url))
            : from;
            if (kind != from) {
              return fail(Errc::unsupported, "{}: a backup of {} goes into {} only", doing,
                          entry.kind, entry.kind);
            }
            planned.target = TRY_DURING(doing, kind->open_target(planned.url));
            planned.existing = TRY_DURING(doing, planned.target->inspect());
            plan.databases.push_back(std::move(planned));
  }
  return plan;
}

Result<std::vector<RestoredDatabase>> restore(const repository::Repository& repository,
                                              RestorePlan& plan, job::Job::Context& job) {
  TRY(refuse_users(plan));
  TRY(stage_all(repository, plan, job));
  return switch_all(plan, job);
}

Result<std::vector<RestoredDatabase>> drill(const repository::Repository& repository,
                                            const Listed& backup, const std::string& scratch,
                                            job::Job::Context& job) {
  RestoreRequest request;
  for (const DatabaseEntry& entry : TRY(load_manifest(repository, backup, job.stop())).databases) {
    request.to[entry.name] = scratch + "/" + entry.folder + ".db";
  }
  RestorePlan plan = TRY(plan_restore(repository, backup, request, job.stop()));
  TRY(stage_all(repository, plan, job));
  std::vector<RestoredDatabase> done;
  for (PlannedRestore& planned : plan.databases) {
    done.push_back(restored_of(planned));
    TRY(planned.target->discard());
  }
  return done;
}

}  // namespace stillpoint::backup

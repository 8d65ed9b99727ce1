// SPDX-License-Identifier: Apache-2.0
#include "backup/restore_job.h"

#include <algorithm>

#include "backup/switch_job.h"
#include "base/text.h"
#include "database/database.h"
#include "pipeline/worker_pool.h"
#include "repository/backup_reader.h"

namespace stillpoint::backup {
namespace {

std::vector<std::string> names_of(const Manifest& manifest) {
  std::vector<std::string> names;
  for (const DatabaseEntry& entry : manifest.databases) names.push_back(entry.name);
  return names;
}

Result<void> refuse_restore_point(const Listed& backup, const Manifest& manifest) {
  if (manifest.branch != Branch::restore_point) return {};
  const std::string id = backup.record.id.brief();
  return fail(Error{Errc::invalid, "backup " + id + " holds no data: it is a restore point",
                    "bring each database back by its own log or its cloud, to what is told by: "
                    "stillpoint show " +
                        id});
}

Result<void> check_named(const std::string& name, const std::vector<std::string>& known) {
  if (std::find(known.begin(), known.end(), name) != known.end()) return {};
  const std::string near = base::closest(name, known);
  return fail(Error{
      Errc::not_found, fmt::format("the backup holds no database '{}'", base::printable(name)),
      near.empty() ? "it holds: " + base::join(known, ", ") : "did you mean '" + near + "'?"});
}

// Databases under a layer are one: with some of them brought back and others not, transactions are
// torn that no recovery mends.
Result<void> refuse_alone(const Manifest& manifest, const RestoreRequest& request) {
  if (manifest.layer == "none" || request.alone) return {};
  std::vector<std::string> back;
  for (const DatabaseEntry& entry : manifest.databases) {
    const auto& chosen = request.databases;
    const bool wanted =
        chosen.empty() || std::find(chosen.begin(), chosen.end(), entry.name) != chosen.end();
    if (wanted && !request.to.contains(entry.name)) back.push_back(entry.name);
  }
  const bool tables = !request.options.tables.empty();
  if (back.empty() || (back.size() == manifest.databases.size() && !tables)) return {};
  return fail(Error{Errc::invalid,
                    fmt::format("restore only {}{}: the layer {} makes transactions over {}, and "
                                "the rest would stay at another point",
                                tables ? "tables of " : "", base::join(back, ", "), manifest.layer,
                                base::join(names_of(manifest), ", ")),
                    "restore all of them; or elsewhere with --to, to look at them; or insist with "
                    "--alone"});
}

Error lost_error(const Listed& backup, const Manifest& manifest, const DatabaseEntry& entry,
                 const std::vector<std::string>& lost) {
  constexpr std::size_t named_max = 20;
  std::vector<std::string> named(
      lost.begin(), lost.begin() + static_cast<std::ptrdiff_t>(std::min(lost.size(), named_max)));
  if (lost.size() > named.size()) {
    named.push_back(fmt::format("and {} more", lost.size() - named.size()));
  }
  std::string others;
  for (const DatabaseEntry& other : manifest.databases) {
    if (other.lost.empty()) others += " --database " + other.name;
  }
  const std::string id = backup.record.id.brief();
  return Error{Errc::corrupt,
               fmt::format("restore {}: backup {} is damaged, and lacks of it: {}", entry.name, id,
                           base::join(named, ", ")),
               "take another backup: stillpoint list; " +
                   (others.empty() ? "" : "or restore what this one has whole:" + others + "; ") +
                   "its files can be read: stillpoint ls " + id + ", and dump"};
}

// Never a part of a database as if it were all. Of single tables only their own parts count: those
// are known once the target was prepared.
Result<void> refuse_lost(const Listed& backup, const Manifest& manifest,
                         const RestoreRequest& request) {
  if (!request.options.tables.empty()) return {};
  for (const DatabaseEntry& entry : manifest.databases) {
    const auto& chosen = request.databases;
    const bool wanted =
        chosen.empty() || std::find(chosen.begin(), chosen.end(), entry.name) != chosen.end();
    if (!wanted || entry.lost.empty()) continue;
    return fail(lost_error(backup, manifest, entry, entry.lost));
  }
  return {};
}

database::Content content_of(const Listed& backup, const DatabaseEntry& entry) {
  database::Content content;
  content.backup = backup.record.id.hex();
  content.bytes = entry.bytes();
  content.settings = entry.settings;
  content.objects = entry.objects;
  for (const StoredFile& file : entry.files) content.paths.push_back(entry.part_of(file));
  return content;
}

// Stages one database and holds it against the backup; nothing that exists is touched.
class Staging {
 public:
  Staging(const repository::Repository& repository, const RestorePlan& plan,
          PlannedRestore& planned, job::Job::Context& job)
      : repository_(repository),
        backup_(plan.backup),
        manifest_(plan.manifest),
        planned_(planned),
        job_(job) {}

  Result<void> run() {
    database::Target& target = *planned_.target;
    job_.phase("prepare " + planned_.url);
    TRY(target.prepare(content_of(backup_, planned_.entry), job_.stop()));
    TRY(refuse_lost_parts());
    TRY(stage_schema());
    TRY(stage_data());
    job_.phase("complete " + planned_.entry.name);
    TRY(target.complete(job_.stop()));
    job_.phase("verify " + planned_.entry.name);
    return target.verify(job_.stop());
  }

 private:
  bool is_schema(const StoredFile& file) const {
    return planned_.entry.part_of(file).starts_with("schema/");
  }

  Result<void> refuse_lost_parts() const {
    std::vector<std::string> wanted;
    for (const std::string& path : planned_.entry.lost) {
      const StoredFile file{path, 0, {}};
      if (planned_.target->wants(planned_.entry.part_of(file))) wanted.push_back(path);
    }
    if (wanted.empty()) return {};
    return fail(lost_error(backup_, manifest_, planned_.entry, wanted));
  }

  Result<void> stage_schema() {
    for (const StoredFile& file : planned_.entry.files) {
      if (is_schema(file)) TRY(stage_file(file, job_.stop()));
    }
    return {};
  }

  Result<void> stage_data() {
    pipeline::FirstError failure;
    const auto following = failure.follow(job_.stop());
    pipeline::WorkerPool pool(std::max(planned_.target->writers(), 1U), 1, failure);
    for (const StoredFile& file : planned_.entry.files) {
      if (is_schema(file)) continue;
      TRY(pool.submit([&] { return stage_file(file, failure.token()); }));
    }
    return pool.finish();
  }

  Result<void> stage_file(const StoredFile& file, const std::stop_token& stop) {
    const std::string part = planned_.entry.part_of(file);
    if (!planned_.target->wants(part)) {
      job_.progress().bytes_done += file.bytes;
      return {};
    }
    job_.phase("restore " + file.path);
    const repository::Node node = TRY(find_stored_file(repository_, backup_, file));
    const auto sink = TRY_DURING(file.path, planned_.target->stage(part, file.bytes, stop));
    const repository::FileSink write = [&](std::uint64_t offset, ByteView bytes) -> Result<void> {
      job_.progress().bytes_done += bytes.size();
      return sink->write(offset, bytes);
    };
    TRY_DURING(file.path, repository::read_file(repository_, node, write, stop));
    TRY_DURING(file.path, sink->finish());
    return {};
  }

  const repository::Repository& repository_;
  const Listed& backup_;
  const Manifest& manifest_;
  PlannedRestore& planned_;
  job::Job::Context& job_;
};

Result<void> stage_all(const repository::Repository& repository, RestorePlan& plan,
                       job::Job::Context& job) {
  for (const PlannedRestore& planned : plan.databases) {
    job.progress().bytes_total += planned.entry.bytes();
  }
  for (PlannedRestore& planned : plan.databases) {
    TRY_DURING("restore " + planned.entry.name, job.task(planned.entry.name, [&] {
      return Staging(repository, plan, planned, job).run();
    }));
  }
  return {};
}

// The fence would refuse them at the end: whoever waits for a large database wants to know now.
Result<void> refuse_users(const RestorePlan& plan) {
  if (!plan.replaces || plan.force) return {};
  for (const PlannedRestore& planned : plan.databases) {
    const database::Existing existing = TRY(planned.target->inspect());
    if (existing.used_by.empty()) continue;
    return fail(Error{Errc::busy,
                      fmt::format("restore {}: {} is open in {}", planned.entry.name,
                                  existing.description, base::join(existing.used_by, ", ")),
                      "end them (or cut a server's sessions with --force), and run the same "
                      "command again; or restore elsewhere with --to"});
  }
  return {};
}

RestoredDatabase restored_of(const PlannedRestore& planned) {
  return {planned.entry.name, planned.url, {}, planned.entry.bytes(), planned.entry.rows()};
}

// One database, or several that are added to and not replaced.
Result<std::vector<RestoredDatabase>> switch_each(RestorePlan& plan, job::Job::Context& job) {
  job.phase("switch");
  for (PlannedRestore& planned : plan.databases) {
    TRY_DURING("fence " + planned.entry.name, planned.target->fence());
  }
  if (job.stop().stop_requested()) return fail(Errc::cancelled, "interrupted before the switch");
  std::vector<RestoredDatabase> done;
  for (PlannedRestore& planned : plan.databases) {
    RestoredDatabase restored = restored_of(planned);
    restored.kept = TRY_DURING("switch " + planned.entry.name, planned.target->swap());
    done.push_back(std::move(restored));
  }
  for (PlannedRestore& planned : plan.databases) {
    TRY_DURING("unfence " + planned.entry.name, planned.target->unfence());
  }
  return done;
}

// Where one database goes, and what stands there.
Result<PlannedRestore> plan_one(const DatabaseEntry& entry, const RestoreRequest& request) {
  const auto elsewhere = request.to.find(entry.name);
  const bool moved = elsewhere != request.to.end();
  const std::string& url = moved ? elsewhere->second : entry.url;
  const std::string restoring = "restore " + entry.name;
  const database::Kind* from = TRY_DURING(restoring, database::kind_named(entry.kind));
  const bool is_url = moved && url.find("://") != std::string::npos;
  const database::Kind* kind = is_url ? TRY_DURING(restoring, database::kind_of(url)) : from;
  PlannedRestore planned;
  planned.entry = entry;
  planned.url = kind->shown(url);
  const std::string doing = restoring + " to " + base::printable(planned.url);
  if (kind != from) {
    return fail(Errc::unsupported, "{}: a backup of {} goes into {} only", doing, entry.kind,
                entry.kind);
  }
  database::Address address{url, {}, {}};
  if (database::kind_of(url)) address = TRY_DURING(doing, address_of(url, request.known));
  planned.address = address;
  planned.target = TRY_DURING(doing, kind->open_target(address, request.options));
  planned.existing = TRY_DURING(doing, planned.target->inspect());
  return planned;
}

}  // namespace

Result<database::Address> address_of(const std::string& url,
                                     const std::vector<DatabaseSpec>& known) {
  const database::Kind* kind = TRY(database::kind_of(url));
  for (const DatabaseSpec& spec : known) {
    if (!database::same_place(spec.address.url, url)) continue;
    database::Address address = spec.address;
    if (url != kind->shown(url)) address.url = url;  // the password that was given is meant
    return address;
  }
  return database::Address{url, {}, {}};
}

Result<RestorePlan> plan_restore(const Listed& backup, Manifest manifest,
                                 const RestoreRequest& request) {
  TRY(refuse_restore_point(backup, manifest));
  RestorePlan plan;
  plan.backup = backup;
  plan.manifest = std::move(manifest);
  plan.replaces = request.options.tables.empty() && !request.options.in_place;
  plan.force = request.options.force;
  const std::vector<std::string> known = names_of(plan.manifest);
  for (const std::string& name : request.databases) TRY(check_named(name, known));
  for (const auto& [name, url] : request.to) TRY(check_named(name, known));
  TRY(refuse_lost(backup, plan.manifest, request));
  TRY(refuse_alone(plan.manifest, request));
  for (const DatabaseEntry& entry : plan.manifest.databases) {
    const auto& chosen = request.databases;
    const bool wanted =
        chosen.empty() || std::find(chosen.begin(), chosen.end(), entry.name) != chosen.end();
    if (wanted) plan.databases.push_back(TRY(plan_one(entry, request)));
  }
  if (!request.options.tables.empty() && plan.databases.size() > 1) {
    return fail(Error{Errc::invalid, "restore single tables: the backup holds several databases",
                      "say of which: --database NAME"});
  }
  return plan;
}

Result<std::vector<RestoredDatabase>> restore(const repository::Repository& repository,
                                              RestorePlan& plan, const SwitchJournals& journals,
                                              job::Job::Context& job) {
  TRY(refuse_interrupted(plan, journals));
  TRY(refuse_users(plan));
  TRY(stage_all(repository, plan, job));
  if (plan.replaces && plan.databases.size() > 1) return switch_with_journal(plan, journals, job);
  return switch_each(plan, job);
}

Result<std::vector<RestoredDatabase>> drill(const repository::Repository& repository,
                                            const Listed& backup, const RestoreRequest& request,
                                            const std::string& scratch, job::Job::Context& job) {
  Manifest manifest = TRY(load_manifest(repository, backup, job.stop()));
  TRY(refuse_restore_point(backup, manifest));
  RestoreRequest there = request;
  there.options.read_back = true;
  for (const DatabaseEntry& entry : manifest.databases) {
    const database::Kind* kind = TRY(database::kind_named(entry.kind));
    // Beside the original, and by the same password.
    DatabaseSpec place;
    place.name = entry.name;
    place.address = TRY(address_of(entry.url, request.known));
    place.address.url = kind->scratch(place.address.url, scratch + "/" + entry.folder);
    there.to.try_emplace(entry.name, kind->shown(place.address.url));
    there.known.insert(there.known.begin(), std::move(place));
  }
  RestorePlan plan = TRY(plan_restore(backup, std::move(manifest), there));
  TRY(stage_all(repository, plan, job));
  std::vector<RestoredDatabase> done;
  for (PlannedRestore& planned : plan.databases) {
    done.push_back(restored_of(planned));
    TRY(planned.target->discard());
  }
  return done;
}

}  // namespace stillpoint::backup

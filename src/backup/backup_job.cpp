// SPDX-License-Identifier: Apache-2.0
#include "backup/backup_job.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "backup/catalogue.h"
#include "backup/layer_openings.h"
#include "backup/openings.h"
#include "backup/test_hooks.h"
#include "backup/version.h"
#include "base/log.h"
#include "pipeline/rate_limit.h"
#include "pipeline/worker_pool.h"

namespace stillpoint::backup {
namespace {

using repository::BackupWriter;
using repository::FileContent;
using repository::FileWriter;

// Hands what a database reads to the repository, and counts it for whoever watches.
class PartSink : public database::Sink {
 public:
  PartSink(FileWriter& file, pipeline::RateLimit& rate, job::Job::Context& job)
      : file_(file), rate_(rate), job_(job) {}
  Result<void> write(std::uint64_t offset, ByteView bytes) override {
    if (!rate_.pass(bytes.size(), job_.stop())) return fail(Errc::cancelled, "interrupted");
    job_.progress().bytes_done += bytes.size();
    return file_.write(offset, bytes);
  }

 private:
  FileWriter& file_;
  pipeline::RateLimit& rate_;
  job::Job::Context& job_;
};

std::unique_ptr<FileWriter> make_writer(repository::BlobWriter& blobs,
                                        const database::Layout& layout, std::size_t databases) {
  if (layout.page_bytes != 0) {
    return std::make_unique<FileWriter>(
        blobs, repository::page_block_bytes(layout.bytes_estimate, layout.page_bytes, databases));
  }
  return std::make_unique<FileWriter>(blobs, repository::stream_chunk_sizes(layout.bytes_estimate));
}

class BackupRun {
 public:
  BackupRun(const BackupOptions& options, BackupWriter& writer, job::Job::Context& job)
      : options_(options), rate_(options.bytes_per_second), writer_(writer), job_(job) {}

  Result<BackupOutcome> run(Plan& plan) {
    begin_manifest(plan);
    SecondSnapshots seconds(plan, options_.read);
    const bool at_once = plan.branch == Branch::no_layer_together ||
                         plan.branch == Branch::commit_gate || plan.branch == Branch::pause;
    Openings openings;
    if (at_once) {
      job_.phase("open snapshots");
      openings = TRY(open_all(plan, seconds));
      note(openings);
      TRY(judge());
      if (plan.layer != nullptr) plan.layer->opened(openings.cut());
    }
    outcome_.manifest.databases.resize(plan.databases.size());
    for (const std::size_t i : reading_order(plan.databases, at_once)) {
      PlannedDatabase& planned = plan.databases[i];
      DatabaseEntry& entry = outcome_.manifest.databases[i];
      TRY(job_.task(planned.spec.name, [&]() -> Result<void> {
        if (!at_once) TRY(open_next(plan, planned, openings));
        return read_database(planned, openings.openings[i], entry);
      }));
      planned.database.reset();  // nobody waits for us longer than needed
      TRY(add_evidence(seconds.compare(planned.spec.name, entry.objects, rate_, job_.stop())));
    }
    if (plan.layer != nullptr) TRY(judge_by_layer(*plan.layer));
    TRY(judge());
    return finish();
  }

 private:
  void begin_manifest(const Plan& plan) {
    Manifest& m = outcome_.manifest;
    m.program = program_version();
    m.system = plan.system.name;
    m.label = options_.label;
    m.created = base::now();
    m.consistency = plan.system.consistency;
    m.branch = plan.branch;
    m.reason = plan.reason;
    m.verdict = Verdict::proven;
    if (plan.layer == nullptr) return;
    m.consistency = Consistency::together;
    m.layer = plan.layer->name();
    m.layer_settings = plan.layer->settings();
    m.warnings = plan.layer->warnings();
  }

  Result<Openings> open_all(Plan& plan, SecondSnapshots& seconds) {
    switch (plan.branch) {
      case Branch::commit_gate:
        return open_in_commit_gate(plan, seconds, options_.read, job_.stop());
      case Branch::pause:
        return open_in_pause(plan, seconds, options_.pause, job_.stop());
      default:
        return open_all_together(plan);
    }
  }

  static Result<Openings> open_all_together(Plan& plan) {
    Openings openings = TRY(open_together(plan));
    TRY(confirm_all(plan.databases));
    return openings;
  }

  // Each database is an instant of its own.
  Result<void> open_next(Plan& plan, PlannedDatabase& planned, Openings& openings) {
    openings.openings.push_back(TRY(open_alone(planned)));
    outcome_.manifest.evidence.push_back(evidence_of_one_snapshot(planned));
    if (plan.layer != nullptr) plan.layer->opened(openings.cut());
    return {};
  }

  void note(const Openings& openings) {
    Manifest& m = outcome_.manifest;
    m.evidence = openings.evidence;
    m.verdict = openings.verdict;
    m.window = openings.window;
    m.gate = openings.gate;
  }

  Result<void> add_evidence(Result<std::vector<Evidence>> more) {
    Manifest& m = outcome_.manifest;
    for (Evidence& one : TRY(std::move(more))) {
      if (!one.holds) m.verdict = Verdict::unproven;
      m.evidence.push_back(std::move(one));
    }
    return {};
  }

  // What the data themselves say.
  Result<void> judge_by_layer(layer::Layer& layer) {
    std::vector<Evidence> said;
    for (const layer::Finding& one : layer.judge()) {
      if (one.weight == layer::Finding::Weight::contradicts_cut && !test_hooks().keep_torn) {
        return fail(Error{Errc::not_held, "somebody was not held: " + one.text,
                          "find out who else uses these databases (another application, another "
                          "coordinator, an instance that is not among those that are paused), "
                          "and run it again"});
      }
      const bool holds = one.weight == layer::Finding::Weight::speaks_for;
      said.push_back({one.kind, {}, {}, {}, holds, one.text});
    }
    return add_evidence(std::move(said));
  }

  // As soon as something is known: before any row is read, wherever it can be.
  Result<void> judge() {
    const Manifest& m = outcome_.manifest;
    if (m.verdict != Verdict::unproven || std::exchange(waived_, options_.allow_unproven)) {
      return {};
    }
    std::string against;
    for (const Evidence& e : m.evidence) {
      if (!e.holds) against += (against.empty() ? "" : "; ") + e.text;
    }
    if (options_.allow_unproven) {
      log(LogLevel::warning, "the backup is unproven: {}", against);
      return {};
    }
    return fail(Error{Errc::unproven, "consistency could not be proven: " + against,
                      "run it again at a quieter moment, or accept it with --allow-unproven"});
  }

  Result<void> read_database(PlannedDatabase& planned, const Opening& opening,
                             DatabaseEntry& entry) {
    database::Database& database = *planned.database;
    entry.name = planned.spec.name;
    entry.kind = database.kind();
    entry.url = database.url();
    entry.folder = planned.folder;
    entry.opened = opening.time;
    entry.open_time = opening.took;
    entry.capabilities = database.capabilities();
    entry.point = TRY_DURING("restore point of " + entry.name, database.point(opening.window()));
    entry.objects = TRY_DURING("list " + entry.name, database.objects());
    entry.settings = database.settings();
    TRY(read_parts(database, entry));
    job_.phase("count the rows of " + entry.name);
    TRY_DURING("count the rows of " + entry.name, database.count(entry.objects, job_.stop()));
    entry.warnings = database.warnings();
    entry.left_out = database.left_out();
    return {};
  }

  // All parts, as many at once as the database can; in the manifest they stand in its order.
  Result<void> read_parts(database::Database& database, DatabaseEntry& entry) {
    std::size_t count = 0;
    for (const database::Object& object : entry.objects) {
      for (const database::Part& part : object.parts) {
        job_.progress().bytes_total += part.layout.bytes_estimate;
        ++count;
      }
    }
    entry.files.resize(count);
    pipeline::FirstError failure;
    const auto following = failure.follow(job_.stop());
    std::mutex receipts;
    pipeline::WorkerPool pool(std::max(entry.capabilities.readers, 1U), 1, failure);
    std::size_t number = 0;
    for (database::Object& object : entry.objects) {
      for (const database::Part& part : object.parts) {
        StoredFile& file = entry.files[number++];
        const auto work = [&]() -> Result<void> {
          const database::Receipt receipt =
              TRY(read_part(database, entry.folder, part, file, failure.token()));
          const std::lock_guard lock(receipts);
          object.add(receipt);
          return {};
        };
        TRY(pool.submit(work));
      }
    }
    TRY(pool.finish());
    for (database::Object& object : entry.objects) object.parts.clear();
    return {};
  }

  Result<database::Receipt> read_part(database::Database& database, const std::string& folder,
                                      const database::Part& part, StoredFile& stored,
                                      const std::stop_token& stop) {
    stored.path = folder + "/" + part.path;
    job_.phase("read " + stored.path);
    const std::unique_ptr<FileWriter> file =
        make_writer(writer_.blobs(), part.layout, outcome_.manifest.databases.size());
    PartSink sink(*file, rate_, job_);
    const std::string doing = "back up " + stored.path;
    const database::Receipt receipt = TRY_DURING(doing, database.read(part, sink, stop));
    const FileContent content = TRY_DURING(doing, file->finish());
    TRY(writer_.add_file(stored.path, content));
    stored.bytes = content.size;
    stored.content = content_id(content.chunks);
    return receipt;
  }

  Result<BackupOutcome> finish() {
    job_.phase("write the manifest");
    const Manifest& m = outcome_.manifest;
    TRY(writer_.add_text(manifest_path, encode_manifest(m)));
    job_.phase("store the last packs");
    outcome_.record = TRY(writer_.finish(record_of(m)));
    const auto& counters = writer_.blobs().counters();
    outcome_.bytes_read = counters.bytes_read;
    outcome_.bytes_new = counters.bytes_new;
    outcome_.bytes_stored = counters.bytes_stored;
    outcome_.chunks = counters.chunks;
    outcome_.chunks_new = counters.chunks_new;
    return std::move(outcome_);
  }

  const BackupOptions& options_;
  pipeline::RateLimit rate_;
  BackupWriter& writer_;
  job::Job::Context& job_;
  BackupOutcome outcome_;
  bool waived_ = false;  // that it is unproven was said
};

}  // namespace

std::vector<std::string> left_out(const Manifest& manifest) {
  std::vector<std::string> all;
  for (const DatabaseEntry& entry : manifest.databases) {
    for (const std::string& what : entry.left_out) all.push_back(entry.name + ": " + what);
  }
  return all;
}

Result<BackupOutcome> take_backup(const System& system, repository::Repository& repository,
                                  const BackupOptions& options, job::Job::Context& job) {
  const std::string doing = "back up " + system.name;
  TRY_DURING(doing, check_system_name(system.name));
  if (!options.label.empty()) TRY_DURING(doing, check_label(options.label));
  // All that may take long comes before the snapshots: the lock, the index, the connections.
  job.phase("lock the repository and read its index");
  const auto writer = TRY_DURING(doing, BackupWriter::begin(repository, options.write, job.stop()));
  job.phase("connect");
  Plan plan = TRY_DURING(doing, make_plan(system, options.read, job.stop()));
  for (const std::string& warning : plan.warnings) log(LogLevel::warning, "{}", warning);
  return TRY_DURING(doing, BackupRun(options, *writer, job).run(plan));
}

}  // namespace stillpoint::backup

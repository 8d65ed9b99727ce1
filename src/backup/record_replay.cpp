// SPDX-License-Identifier: Apache-2.0
#include "backup/record_replay.h"

#include <algorithm>
#include <filesystem>

#include <fcntl.h>

#include "base/file.h"
#include "base/text.h"
#include "database/stored_rows.h"
#include "database/target.h"
#include "layer/scalardb/replay/system_replay.h"
#include "repository/backup_reader.h"

namespace stillpoint::backup {
namespace {

using layer::scalardb::SystemReplay;
using Watches = std::vector<database::Watch>;

std::string setting(const Manifest& manifest, std::string_view name) {
  for (const database::Setting& one : manifest.layer_settings) {
    if (one.name == name) return one.value;
  }
  return {};
}

std::vector<std::string> metadata_namespaces(const Manifest& manifest) {
  std::vector<std::string> names;
  for (const std::string_view one : base::split(setting(manifest, "metadata_namespace"), ',')) {
    const std::size_t begin = one.find_first_not_of(' ');
    if (begin != std::string_view::npos) names.emplace_back(one.substr(begin));
  }
  if (names.empty()) names.emplace_back("scalardb");
  return names;
}

// A database of the backup, to be looked at as often as is wanted.
class Source {
 public:
  virtual ~Source() = default;
  virtual Result<void> open() = 0;
  // Valid until the next show().
  virtual database::RowSource& rows() = 0;
  virtual Result<void> show(Watches watches, const std::stop_token& stop) = 0;
};

class Text final : public Source {
 public:
  Text(const database::Kind& kind, database::StoredParts parts, std::stop_token stop)
      : kind_(kind), parts_(std::move(parts)), stop_(std::move(stop)) {}

  Result<void> open() override {
    auto tables = TRY(kind_.stored_tables(parts_, stop_));
    rows_ =
        std::make_unique<database::StoredRows>(std::string(kind_.name), std::move(tables), parts_);
    return {};
  }
  database::RowSource& rows() override { return *rows_; }
  Result<void> show(Watches watches, const std::stop_token& stop) override {
    TRY(rows_->watch(std::move(watches)));
    return rows_->show(stop);
  }

 private:
  const database::Kind& kind_;
  const database::StoredParts parts_;
  const std::stop_token stop_;
  std::unique_ptr<database::StoredRows> rows_;
};

// A file of the backup, as a database of its own.
class File final : public Source {
 public:
  File(const database::Kind& kind, std::string path) : kind_(kind), path_(std::move(path)) {}

  Result<void> open() override {
    database_ = TRY(kind_.open({path_, {}, {}}, {}));
    return database_->prepare({});
  }
  database::RowSource& rows() override { return *database_; }
  Result<void> show(Watches watches, const std::stop_token& stop) override {
    TRY(open());  // a snapshot is opened once
    TRY(database_->watch(std::move(watches)));
    TRY(database_->open(base::Deadline(std::chrono::seconds(10))));
    std::vector<database::Object> objects = TRY(database_->objects());
    return database_->count(objects, stop);
  }

 private:
  const database::Kind& kind_;
  const std::string path_;
  std::unique_ptr<database::Database> database_;
};

class Replaying {
 public:
  Replaying(const repository::Repository& repository, const Listed& backup,
            const Manifest& manifest, const std::string& scratch, job::Job::Context& job)
      : repository_(repository),
        backup_(backup),
        manifest_(manifest),
        scratch_(scratch),
        job_(job),
        replay_(options()) {}

  Result<ReplayedRecords> run() {
    for (const DatabaseEntry& entry : manifest_.databases) {
      TRY_DURING(entry.name, prepare(entry));
    }
    if (!replay_.any_coordinator()) {
      return fail(Error{Errc::not_found, "no coordinator's table is in this backup",
                        "restore it to a scratch place instead: stillpoint verify --restore"});
    }
    for (auto& [entry, source] : sources_) {
      job_.phase("look at " + entry->name);
      TRY_DURING(entry->name,
                 source->show(replay_.watches(entry->name, source->rows()), job_.stop()));
    }
    job_.phase("replay");
    ReplayedRecords result;
    result.report = TRY(replay_.judge());
    result.one_phase_commit = setting(manifest_, "one_phase_commit") == "on";
    TRY(name(result));
    return result;
  }

 private:
  struct Opened {
    const DatabaseEntry* entry = nullptr;
    std::unique_ptr<Source> source;
  };

  layer::scalardb::ReplayOptions options() const {
    layer::scalardb::ReplayOptions options;
    options.scratch = scratch_;
    options.at = manifest_.created;
    return options;
  }

  Result<void> prepare(const DatabaseEntry& entry) {
    if (!entry.lost.empty()) {
      return fail(Error{Errc::corrupt, "it is damaged, and lacks " + entry.lost.front(),
                        "take another backup: stillpoint list"});
    }
    const database::Kind* kind = TRY(database::kind_named(entry.kind));
    Opened opened;
    opened.entry = &entry;
    if (kind->stored_tables != nullptr) {
      opened.source = std::make_unique<Text>(*kind, parts_of(entry), job_.stop());
    } else {
      opened.source = std::make_unique<File>(*kind, TRY(staged_file(entry)));
    }
    TRY(opened.source->open());
    TRY(replay_.examine(entry.name, opened.source->rows(), metadata_namespaces(manifest_)));
    sources_.push_back(std::move(opened));
    return {};
  }

  Result<void> read(const StoredFile& file, const repository::FileSink& sink,
                    const std::stop_token& stop) const {
    const repository::Node node = TRY(find_stored_file(repository_, backup_, file));
    return repository::read_file(repository_, node, sink, stop);
  }

  database::StoredParts parts_of(const DatabaseEntry& entry) {
    database::StoredParts parts;
    for (const StoredFile& file : entry.files) parts.paths.push_back(entry.part_of(file));
    parts.read = [this, &entry](const std::string& path,
                                const std::function<Result<void>(ByteView)>& piece,
                                std::stop_token stop) -> Result<void> {
      for (const StoredFile& file : entry.files) {
        if (entry.part_of(file) != path) continue;
        return read(file, [&](std::uint64_t, ByteView bytes) { return piece(bytes); }, stop);
      }
      return fail(Errc::corrupt, "the backup has no {}", path);
    };
    return parts;
  }

  // The database itself; what lies below "schema/" is for people.
  Result<std::string> staged_file(const DatabaseEntry& entry) {
    const auto data = std::find_if(
        entry.files.begin(), entry.files.end(),
        [&](const StoredFile& file) { return entry.part_of(file).starts_with("data/"); });
    if (data == entry.files.end()) return fail(Errc::corrupt, "the backup has no file of it");
    const std::string path = scratch_ + "/" + std::to_string(sources_.size()) + ".db";
    const base::File file = TRY(base::File::open(path, O_RDWR | O_CREAT | O_EXCL));
    const auto write = [&](std::uint64_t offset, ByteView bytes) {
      return file.write_at(bytes, offset);
    };
    TRY(read(*data, write, job_.stop()));
    return path;
  }

  // A second look, only where there is somebody to be named.
  Result<void> name(ReplayedRecords& result) {
    if (result.report.suspects.empty()) return {};
    job_.phase("name what was found");
    for (auto& [entry, source] : sources_) {
      Watches watches = replay_.names_wanted(entry->name, source->rows());
      TRY_DURING(entry->name, source->show(std::move(watches), job_.stop()));
    }
    const auto names = replay_.names();
    for (const auto& suspect : result.report.suspects) {
      const auto found = names.find(suspect.record);
      result.names.push_back(found == names.end() ? "a row of the coordinator" : found->second);
    }
    return {};
  }

  const repository::Repository& repository_;
  const Listed& backup_;
  const Manifest& manifest_;
  const std::string& scratch_;
  job::Job::Context& job_;
  SystemReplay replay_;
  std::vector<Opened> sources_;
};

}  // namespace

bool has_records(const Manifest& manifest) {
  return manifest.layer == "scalardb" || manifest.layer == "scalardl";
}

Result<ReplayedRecords> replay_records(const repository::Repository& repository,
                                       const Listed& backup, const Manifest& manifest,
                                       const std::string& scratch, job::Job::Context& job) {
  return Replaying(repository, backup, manifest, scratch, job).run();
}

}  // namespace stillpoint::backup

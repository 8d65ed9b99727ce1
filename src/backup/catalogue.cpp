// SPDX-License-Identifier: Apache-2.0
#include "backup/catalogue.h"

#include <algorithm>

#include "base/limits.h"
#include "base/text.h"
#include "repository/backup_reader.h"

namespace stillpoint::backup {
namespace {

using repository::FileKind;

constexpr std::size_t manifest_bytes_max = 256 * limits::MiB;

bool has_tag(const repository::Record& record, std::string_view tag) {
  return std::find(record.tags.begin(), record.tags.end(), tag) != record.tags.end();
}

Error not_found(std::string_view name, const std::vector<Listed>& all) {
  std::vector<std::string> known;
  for (const Listed& backup : all) {
    known.push_back(backup.record.id.brief());
    known.push_back("latest:" + backup.system);
    if (!backup.label.empty()) known.push_back(backup.label);
  }
  const std::string near = base::closest(name, known);
  return Error{Errc::not_found,
               all.empty() ? "the repository holds no backups"
                           : fmt::format("no backup is called '{}'", base::printable(name)),
               near.empty() ? "see them all: stillpoint list" : "did you mean '" + near + "'?"};
}

}  // namespace

Listed listed_of(const repository::Record& record) {
  Listed listed{record, has_tag(record, "stillpoint"), record.hostname, {}, {}};
  if (!listed.ours) return listed;
  for (const std::string& tag : record.tags) {
    if (tag == "proven" || tag == "paused" || tag == "unproven") {
      listed.verdict = tag;
    } else if (tag != "stillpoint") {
      listed.label = tag;
    }
  }
  return listed;
}

repository::Record record_of(const Manifest& manifest) {
  repository::Record record;
  record.time = manifest.created;
  record.hostname = manifest.system;
  record.paths = {"/stillpoint/" + manifest.system};
  record.tags = {"stillpoint", std::string(name_of(manifest.verdict))};
  if (!manifest.label.empty()) record.tags.push_back(manifest.label);
  record.program = manifest.program;
  return record;
}

Result<std::vector<Listed>> list_backups(const repository::Repository& repository,
                                         std::stop_token stop) {
  std::vector<Listed> all;
  for (const repository::Record& record : TRY(repository.records(std::move(stop)))) {
    all.push_back(listed_of(record));
  }
  return all;
}

Result<Catalogue> read_catalogue(const repository::Repository& repository, std::stop_token stop) {
  Catalogue catalogue;
  const std::vector<Id> ids = TRY(repository.list_files(FileKind::record));
  for (const Id& id : ids) {
    if (stop.stop_requested()) return fail(Errc::cancelled, "interrupted");
    const Result<Bytes> text = repository.load_file(FileKind::record, id);
    if (!text && text.error().code == Errc::not_found) continue;  // forgotten in this moment
    if (!text && text.error().code != Errc::corrupt) return fail(Error(text.error()));
    Result<repository::Record> record = fail(text ? Error() : Error(text.error()));
    if (text) record = repository::decode_record(*text);
    if (!record) {
      catalogue.unreadable.push_back({id, std::move(record.error())});
      continue;
    }
    record->id = id;
    catalogue.backups.push_back(listed_of(*record));
  }
  std::stable_sort(catalogue.backups.begin(), catalogue.backups.end(),
                   [](const Listed& a, const Listed& b) { return a.record.time < b.record.time; });
  return catalogue;
}

Result<Listed> find_backup(const repository::Repository& repository, std::string_view name,
                           std::stop_token stop) {
  const std::vector<Listed> all = TRY(list_backups(repository, std::move(stop)));
  return find_backup(all, name);
}

Result<Listed> find_backup(const std::vector<Listed>& all, std::string_view name) {
  const Listed* found = nullptr;
  for (const Listed& backup : all) {  // oldest first: the newest that fits stays
    if (name == "latest" || name == "latest:" + backup.system ||
        (!backup.label.empty() && name == backup.label)) {
      found = &backup;
    }
  }
  if (found != nullptr) return *found;
  for (const Listed& backup : all) {
    if (name.empty() || backup.record.id.hex().rfind(name, 0) != 0) continue;
    if (found != nullptr) {
      return fail(Error{Errc::invalid,
                        fmt::format("'{}' is the front of several backups' ids", name),
                        "give more of the id"});
    }
    found = &backup;
  }
  if (found == nullptr) return fail(not_found(name, all));
  return *found;
}

Result<Manifest> load_manifest(const repository::Repository& repository, const Listed& backup,
                               std::stop_token stop) {
  const std::string doing = "read the manifest of backup " + backup.record.id.brief();
  if (!backup.ours) {
    return fail(Error{Errc::unsupported, doing + ": this backup was not made by stillpoint",
                      "use ls and dump on it, or restic restore"});
  }
  const repository::Node node =
      TRY_DURING(doing, repository::find_node(repository, backup.record.tree, manifest_path));
  const Bytes text = TRY_DURING(
      doing, repository::read_whole_file(repository, node, manifest_bytes_max, std::move(stop)));
  return TRY_DURING(doing, decode_manifest(text));
}

Id content_id(const std::vector<Id>& chunks) {
  base::Sha256 hash;
  for (const Id& id : chunks) hash.update(id.bytes);
  return hash.finish();
}

Result<repository::Node> find_stored_file(const repository::Repository& repository,
                                          const Listed& backup, const StoredFile& file) {
  repository::Node node = TRY(repository::find_node(repository, backup.record.tree, file.path));
  if (node.size != file.bytes || content_id(node.content) != file.content) {
    return fail(Errc::corrupt, "{} is not what the manifest says", file.path);
  }
  return node;
}

}  // namespace stillpoint::backup

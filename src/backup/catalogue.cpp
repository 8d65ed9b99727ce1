// SPDX-License-Identifier: Apache-2.0
#include "backup/catalogue.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "base/limits.h"
#include "base/text.h"
#include "repository/backup_reader.h"

namespace stillpoint::backup {
namespace {

using repository::FileKind;

constexpr std::size_t manifest_bytes_max = 256 * limits::MiB;
constexpr const char* damaged_tag = "damaged";
constexpr const char* repaired_tag = "repaired";  // restic's

bool has_tag(const repository::Record& record, std::string_view tag) {
  return std::find(record.tags.begin(), record.tags.end(), tag) != record.tags.end();
}

// The manifest is as it was written; the files that are there tell what is lost since.
Result<void> find_lost(const repository::Repository& repository, const Listed& backup,
                       Manifest& manifest, const std::stop_token& stop) {
  std::unordered_map<std::string, Id> there;
  const auto visit = [&](const std::string& path, const repository::Node& node) -> Result<void> {
    if (node.type == repository::NodeType::file) there[path] = content_id(node.content);
    return {};
  };
  TRY(repository::walk(repository, backup.record.tree, visit, stop));
  for (DatabaseEntry& entry : manifest.databases) {
    for (const StoredFile& file : entry.files) {
      const auto found = there.find(file.path);
      if (found == there.end() || found->second != file.content) entry.lost.push_back(file.path);
    }
  }
  manifest.verdict = Verdict::damaged;
  return {};
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
    } else if (tag != "stillpoint" && tag != damaged_tag && tag != repaired_tag) {
      listed.label = tag;
    }
  }
  // By us, or by restic, which keeps the old verdict. It outweighs what was shown before.
  if (has_tag(record, damaged_tag) || has_tag(record, repaired_tag)) listed.verdict = damaged_tag;
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

std::vector<std::string> repaired_tags(const repository::Record& record) {
  const Listed listed = listed_of(record);
  std::vector<std::string> tags = record.tags;
  if (listed.ours) {
    tags = {"stillpoint", damaged_tag};
    if (!listed.label.empty()) tags.push_back(listed.label);
  }
  if (std::count(tags.begin(), tags.end(), repaired_tag) == 0) tags.emplace_back(repaired_tag);
  return tags;
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
  std::unordered_set<Id> originals;
  for (const Listed& backup : all) {
    if (backup.damaged() && backup.record.original) originals.insert(*backup.record.original);
  }
  const Listed* found = nullptr;
  for (const Listed& backup : all) {  // oldest first: the newest that fits stays
    if (originals.contains(backup.record.id)) continue;
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
  auto node = repository::find_node(repository, backup.record.tree, manifest_path);
  if (!node && backup.damaged() && node.error().code == Errc::not_found) {
    return fail(Error{Errc::corrupt, doing + ": it is lost, and with it what the other files are",
                      "take another backup; what is left of this one: stillpoint ls " +
                          backup.record.id.brief() + ", and dump"});
  }
  if (!node) return fail(std::move(node.error()).during(doing));
  const Bytes text =
      TRY_DURING(doing, repository::read_whole_file(repository, *node, manifest_bytes_max, stop));
  Manifest manifest = TRY_DURING(doing, decode_manifest(text));
  if (backup.damaged()) TRY_DURING(doing, find_lost(repository, backup, manifest, stop));
  return manifest;
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

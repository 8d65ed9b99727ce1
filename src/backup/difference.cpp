// SPDX-License-Identifier: Apache-2.0
#include "backup/difference.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "repository/backup_reader.h"

namespace stillpoint::backup {
namespace {

using database::Object;
using database::Setting;
using repository::Node;
using repository::NodeType;
using repository::Repository;

// The elements of two lists by their keys: each key once, with what either list has of it.
template <class T>
using Pairs = std::map<std::string, std::pair<const T*, const T*>>;

template <class T, class KeyOf>
Pairs<T> pairs_of(const std::vector<T>& before, const std::vector<T>& after, const KeyOf& key_of) {
  Pairs<T> pairs;
  for (const T& one : before) pairs[key_of(one)].first = &one;
  for (const T& one : after) pairs[key_of(one)].second = &one;
  return pairs;
}

std::vector<SettingChange> compare_settings(const std::vector<Setting>& before,
                                            const std::vector<Setting>& after) {
  std::vector<SettingChange> changes;
  for (const auto& [name, both] :
       pairs_of(before, after, [](const Setting& setting) { return setting.name; })) {
    const auto& [old, now] = both;
    if (old != nullptr && now != nullptr && old->value == now->value) continue;
    SettingChange& change = changes.emplace_back();
    change.name = name;
    if (old != nullptr) change.before = old->value;
    if (now != nullptr) change.after = now->value;
  }
  return changes;
}

struct FileFacts {
  std::uint64_t bytes = 0;
  Id content = {};
  bool operator==(const FileFacts&) const = default;
};
using Files = std::map<std::string, FileFacts>;

std::vector<FileChange> compare_files(const Files& before, const Files& after) {
  std::vector<FileChange> changes;
  for (const auto& [path, old] : before) {
    const auto now = after.find(path);
    if (now == after.end()) {
      changes.push_back({Change::removed, path, old.bytes, 0});
    } else if (now->second != old) {
      changes.push_back({Change::changed, path, old.bytes, now->second.bytes});
    }
  }
  for (const auto& [path, now] : after) {
    if (!before.contains(path)) changes.push_back({Change::added, path, 0, now.bytes});
  }
  std::sort(changes.begin(), changes.end(),
            [](const FileChange& a, const FileChange& b) { return a.path < b.path; });
  return changes;
}

Files files_of(const DatabaseEntry& entry) {
  Files files;
  for (const StoredFile& file : entry.files) {
    files[entry.part_of(file)] = {file.bytes, file.content};
  }
  return files;
}

// Objects without rows are as their files are: those are told by themselves.
Change compare_object(const Object& before, const Object& after, bool same_files) {
  if (!before.rows || !after.rows) return Change::same;
  if (before.rows != after.rows) return Change::changed;
  if (before.checksum && after.checksum) {
    return before.checksum == after.checksum ? Change::same : Change::changed;
  }
  return same_files ? Change::same : Change::unknown;
}

std::vector<ObjectChange> compare_objects(const DatabaseEntry& before, const DatabaseEntry& after,
                                          bool same_files) {
  std::vector<ObjectChange> changes;
  const auto key_of = [](const Object& object) { return object.kind + '\0' + object.name; };
  for (const auto& [key, both] : pairs_of(before.objects, after.objects, key_of)) {
    const auto& [old, now] = both;
    const Change change = old == nullptr   ? Change::added
                          : now == nullptr ? Change::removed
                                           : compare_object(*old, *now, same_files);
    if (change == Change::same) continue;
    const Object& either = now == nullptr ? *old : *now;
    ObjectChange& told = changes.emplace_back();
    told.change = change;
    told.kind = either.kind;
    told.name = either.name;
    if (old != nullptr) told.rows_before = old->rows;
    if (now != nullptr) told.rows_after = now->rows;
  }
  return changes;
}

DatabaseChange compare_database(const DatabaseEntry* old, const DatabaseEntry* now) {
  static const DatabaseEntry nothing = {};
  const DatabaseEntry& before = old == nullptr ? nothing : *old;
  const DatabaseEntry& after = now == nullptr ? nothing : *now;
  DatabaseChange change;
  change.name = (now == nullptr ? before : after).name;
  change.bytes_before = before.bytes();
  change.bytes_after = after.bytes();
  change.rows_before = before.rows();
  change.rows_after = after.rows();
  change.settings = compare_settings(before.settings, after.settings);
  change.files = compare_files(files_of(before), files_of(after));
  change.objects = compare_objects(before, after, change.files.empty());
  const bool same = change.settings.empty() && change.objects.empty() && change.files.empty() &&
                    before.kind == after.kind;
  change.change = old == nullptr   ? Change::added
                  : now == nullptr ? Change::removed
                  : same           ? Change::same
                                   : Change::changed;
  return change;
}

Result<Files> files_in(const Repository& repository, const Listed& backup, std::stop_token stop) {
  Files files;
  const auto visit = [&](const std::string& path, const Node& node) -> Result<void> {
    if (node.type == NodeType::file) files[path] = {node.size, content_id(node.content)};
    return {};
  };
  TRY_DURING("read backup " + backup.record.id.brief(),
             repository::walk(repository, backup.record.tree, visit, std::move(stop)));
  return files;
}

using Chunks = std::set<Id>;

Result<Chunks> chunks_in(const Repository& repository, const Listed& backup, std::stop_token stop) {
  Chunks chunks;
  const auto visit = [&](const std::string&, const Node& node) -> Result<void> {
    if (node.type == NodeType::file) chunks.insert(node.content.begin(), node.content.end());
    return {};
  };
  TRY_DURING("read backup " + backup.record.id.brief(),
             repository::walk(repository, backup.record.tree, visit, std::move(stop)));
  return chunks;
}

Result<void> add_chunk(Repository& repository, const Id& id, Sharing::Amount& amount) {
  const auto place = repository.index().find(repository::BlobType::data, id);
  if (!place) {
    return fail(Error{Errc::corrupt, "chunk " + id.brief() + " is in no index",
                      "see how much is missing: stillpoint check"});
  }
  ++amount.chunks;
  amount.bytes += place->blob.size();
  amount.stored += place->blob.length;
  return {};
}

}  // namespace

std::string_view name_of(Change change) {
  switch (change) {
    case Change::same:
      return "same";
    case Change::added:
      return "added";
    case Change::removed:
      return "removed";
    case Change::changed:
      return "changed";
    case Change::unknown:
      return "unknown";
  }
  return "";
}

Difference compare(const Manifest& before, const Manifest& after) {
  Difference difference;
  difference.settings = compare_settings(before.layer_settings, after.layer_settings);
  if (before.layer != after.layer) {
    difference.settings.insert(difference.settings.begin(), {"layer", before.layer, after.layer});
  }
  const auto key_of = [](const DatabaseEntry& entry) { return entry.name; };
  for (const auto& [name, both] : pairs_of(before.databases, after.databases, key_of)) {
    difference.databases.push_back(compare_database(both.first, both.second));
  }
  return difference;
}

Result<Difference> find_difference(Repository& repository, const Listed& before,
                                   const Listed& after, std::stop_token stop) {
  Difference difference;
  if (before.ours && after.ours) {
    const Manifest old = TRY(load_manifest(repository, before, stop));
    const Manifest now = TRY(load_manifest(repository, after, stop));
    difference = compare(old, now);
  } else {
    const Files old = TRY(files_in(repository, before, stop));
    const Files now = TRY(files_in(repository, after, stop));
    difference.by_files = true;
    difference.files = compare_files(old, now);
  }
  difference.before = before;
  difference.after = after;
  const Chunks old = TRY(chunks_in(repository, before, stop));
  const Chunks now = TRY(chunks_in(repository, after, stop));
  Sharing& sharing = difference.sharing;
  for (const Id& id : old) {
    TRY(add_chunk(repository, id, now.contains(id) ? sharing.shared : sharing.only_before));
  }
  for (const Id& id : now) {
    if (!old.contains(id)) TRY(add_chunk(repository, id, sharing.only_after));
  }
  return difference;
}

}  // namespace stillpoint::backup

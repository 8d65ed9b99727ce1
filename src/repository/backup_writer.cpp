// SPDX-License-Identifier: Apache-2.0
#include "repository/backup_writer.h"

#include "base/text.h"
#include "repository/adoption.h"

namespace stillpoint::repository {
namespace {

// 1980, the earliest time that all programs can keep which may unpack such files.
constexpr base::Time same_time{std::chrono::seconds(315'532'800)};

}  // namespace

Result<std::unique_ptr<BackupWriter>> BackupWriter::begin(Repository& repository,
                                                          const WriteOptions& options,
                                                          std::stop_token stop) {
  std::unique_ptr<Lock> lock = TRY(Lock::acquire(repository, LockKind::shared, stop, "backup"));
  std::unique_ptr<Reliance> reliance = TRY(Reliance::begin(repository, *lock));
  TRY(repository.load_index(stop));
  TRY(adopt_packs(repository, *reliance, stop));
  return std::unique_ptr<BackupWriter>(
      new BackupWriter(repository, std::move(lock), std::move(reliance), options, std::move(stop)));
}

Result<void> BackupWriter::add_file(const std::string& path, const FileContent& content) {
  std::vector<std::string> names = base::split(path, '/');
  for (const std::string& name : names) {
    if (name.empty() || name == "." || name == ".." || name.size() > 255) {
      return fail(Errc::internal, "'{}' is not a path in a backup", path);
    }
  }
  const std::string file = std::move(names.back());
  names.pop_back();
  const bool added = root_.with([&](Folder& root) {
    Folder* folder = &root;
    for (const std::string& name : names) folder = &folder->folders[name];
    return !folder->folders.contains(file) && folder->files.emplace(file, content).second;
  });
  if (!added) return fail(Errc::internal, "'{}' is in the backup twice", path);
  return {};
}

Result<void> BackupWriter::add_text(const std::string& path, std::string_view text) {
  FileWriter writer(*blobs_, stream_chunk_sizes(text.size()));
  TRY(writer.write(0, base::view_of(text)));
  return add_file(path, TRY(writer.finish()));
}

// Subfolders first, since a folder holds their ids. What lies directly in the backup has the
// backup's time; below, all times are the same: a folder whose files have not changed is not stored
// again.
Result<Id> BackupWriter::write_folder(const Folder& folder, base::Time time) {
  std::map<std::string, Node> nodes;  // a map: in the order of names, as the format asks
  for (const auto& [name, below] : folder.folders) {
    const Id tree = TRY(write_folder(below, same_time));
    nodes[name] = {name, NodeType::folder, 0, {}, tree, time, 0700, {}};
  }
  for (const auto& [name, content] : folder.files) {
    nodes[name] = {name, NodeType::file, content.size, content.chunks, {}, time, 0600, {}};
  }
  std::vector<Node> list;
  for (auto& [name, node] : nodes) list.push_back(std::move(node));
  const std::string text = encode_tree(list);
  const Id id = base::sha256(base::view_of(text));
  TRY(blobs_->save(BlobType::tree, base::copy_of(text), [](const Id&) {}));
  return id;
}

// Before it is visible, so that it hardly ever has to be taken back; and after it, for what was
// retired between the look and the record (reliance.h).
Result<void> BackupWriter::make_visible(const SealedFile& record) {
  TRY(reliance_->uphold());
  TRY(lock_->still_held());
  Result<void> done = repository_.put_file(FileKind::record, record);
  if (done) done = reliance_->uphold();
  if (done) done = lock_->still_held();
  if (done) return {};
  Error error = std::move(done.error());
  if (const auto removed = repository_.remove_file(FileKind::record, record.id); !removed) {
    error.message += "; and the backup " + record.id.brief() +
                     ", which may lack data, could not be taken back: " + removed.error().message;
    error.advice = "remove it: stillpoint forget " + record.id.brief() + "; then run it again";
  }
  return fail(std::move(error));
}

Result<Record> BackupWriter::finish(Record record) {
  record.tree =
      TRY(root_.with([&](const Folder& root) { return write_folder(root, record.time); }));
  TRY(blobs_->finish());
  record.bytes_total = blobs_->counters().bytes_read;
  record.bytes_added = blobs_->counters().bytes_stored;
  const SealedFile sealed = repository_.seal_file(encode_record(record));
  TRY(make_visible(sealed));
  record.id = sealed.id;
  return record;
}

Result<Id> BackupWriter::finish_copy(std::string_view text) {
  TRY(blobs_->finish());
  const SealedFile sealed = repository_.seal_file(text);
  TRY(make_visible(sealed));
  return sealed.id;
}

}  // namespace stillpoint::repository

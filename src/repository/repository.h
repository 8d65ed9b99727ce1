// SPDX-License-Identifier: Apache-2.0
// A repository that is open: restic's format, version 2 (docs/formats/repository.md).
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "repository/crypto.h"
#include "repository/index.h"
#include "repository/record.h"
#include "storage/backend.h"

namespace stillpoint::repository {

enum class FileKind { pack, index, key, lock, record, journal };

// "data/ab/ab12…", "index/…", "snapshots/…"; "journals/…" is ours and not restic's.
std::string name_of_file(FileKind kind, const Id& id);

// Thread-safe once it is open. It takes no lock by itself (lock.h).
class Repository {
 public:
  // Makes a new repository; already_exists where there is one.
  static Result<std::unique_ptr<Repository>> init(std::unique_ptr<storage::Backend> backend,
                                                  const base::Secret& password,
                                                  const ScryptCost& cost = {});
  // no_repository, wrong_password, or unsupported for another version of the format.
  static Result<std::unique_ptr<Repository>> open(std::unique_ptr<storage::Backend> backend,
                                                  const base::Secret& password);

  storage::Backend& backend() const { return *backend_; }
  const SealKey& key() const { return key_; }
  const Id& key_in_use() const { return key_in_use_; }  // the file that the password opened
  const std::string& id() const { return id_; }
  std::string url() const { return backend_->url(); }

  // Reads every index file that is not in memory yet.
  Result<void> load_index(std::stop_token stop);
  Index& index() { return index_; }

  // Whole files but packs: sealed, compressed, and named by the hash of what is stored.
  Result<Id> save_file(FileKind kind, std::string_view text);
  Result<Bytes> load_file(FileKind kind, const Id& id) const;
  Result<void> remove_file(FileKind kind, const Id& id);
  // Of one kind, with their sizes; names that are no ids are not ours.
  Result<std::unordered_map<Id, std::uint64_t>> list_sizes(FileKind kind) const;
  Result<std::vector<Id>> list_files(FileKind kind) const;  // in order

  // The plain bytes of a blob, held against its id.
  Result<Bytes> load_blob(BlobType type, const Id& id) const;

  // All backups, oldest first. One that cannot be read is a failure: silence would hide it.
  Result<std::vector<Record>> records(std::stop_token stop) const;

 private:
  Repository(std::unique_ptr<storage::Backend> backend, const SealKey& key, const Id& key_in_use,
             std::string id)
      : backend_(std::move(backend)), key_(key), key_in_use_(key_in_use), id_(std::move(id)) {}

  std::unique_ptr<storage::Backend> backend_;
  SealKey key_;
  Id key_in_use_;
  std::string id_;
  Index index_;
  std::vector<Id> index_files_;  // those that are in index_
};

// Opens one sealed blob as it came out of a pack, and holds it against its id.
Result<Bytes> open_blob(const SealKey& key, const PackedBlob& blob, ByteView sealed);

}  // namespace stillpoint::repository

// SPDX-License-Identifier: Apache-2.0
// A repository that is open: restic's format, version 2 (docs/formats/repository.md).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/guarded.h"
#include "base/result.h"
#include "base/secret.h"
#include "repository/crypto.h"
#include "repository/index.h"
#include "repository/record.h"
#include "storage/backend.h"
#include "storage/decorators/cached.h"

namespace stillpoint::repository {

enum class FileKind { pack, index, key, lock, record, journal, retired };

// "data/ab/ab12…", "index/…", "snapshots/…"; "journals/…" and "retired/…" are ours and not
// restic's.
std::string name_of_file(FileKind kind, const Id& id);

// A file as it is stored, and the name that follows from its bytes.
struct SealedFile {
  Id id = {};
  Bytes bytes = {};
};

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

  // What time it is, for whatever expires. Tests put their own clock here before they begin.
  base::Time now() const { return clock_(); }
  void set_clock(std::function<base::Time()> clock) { clock_ = std::move(clock); }

  // Copies of index files, records and folders are kept there and read from there. Before anything
  // else is done with the repository.
  void cache_in(std::unique_ptr<storage::CacheFolder> folder);
  // From now on all is read from the storage, and what is in memory of the index is forgotten where
  // it may have come from a cache.
  void read_past_cache();

  // Index files that cannot be read, and why.
  using Unreadable = std::vector<std::pair<Id, Error>>;
  // Reads every index file that is not in memory yet; begins anew where one of those in memory is
  // gone, since packs may have gone with it. One thread at a time. What is `corrupt` goes to
  // `unreadable`, if given, instead of ending it.
  Result<void> load_index(std::stop_token stop, Unreadable* unreadable = nullptr);
  // The same for who holds numbers of the index: `locked` where files of it are gone.
  Result<void> load_index_additions(std::stop_token stop);
  Index& index() { return index_; }
  // Forgets what is in memory of the index: it may name packs that are gone.
  void drop_index();
  // The index files in memory, each with the numbers of its packs.
  using IndexFiles = std::map<Id, std::vector<std::uint32_t>>;
  IndexFiles index_files() const;
  // One that was just written, of packs that are in the index.
  void add_index_file(const Id& id, const std::vector<Id>& packs);

  // Whole files but packs: sealed, compressed, and named by the hash of what is stored.
  Result<Id> save_file(FileKind kind, std::string_view text);
  // The same in two steps, for who must know the name even if the second one fails.
  SealedFile seal_file(std::string_view text) const;
  Result<void> put_file(FileKind kind, const SealedFile& file);
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

  Result<void> read_index_files(const std::vector<Id>& files, std::stop_token stop,
                                Unreadable* unreadable);

  std::unique_ptr<storage::Backend> backend_;
  storage::Cached* cache_ = nullptr;  // backend_, where it is one
  SealKey key_;
  Id key_in_use_;
  std::string id_;
  std::function<base::Time()> clock_ = base::now;
  Index index_;
  base::Guarded<IndexFiles> index_files_;  // those that are in index_
};

// Opens one sealed blob as it came out of a pack, and holds it against its id.
Result<Bytes> open_blob(const SealKey& key, const PackedBlob& blob, ByteView sealed);

}  // namespace stillpoint::repository

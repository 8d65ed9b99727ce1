// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/guarded.h"
#include "repository/blob_writer.h"
#include "repository/file_writer.h"
#include "repository/lock.h"
#include "repository/record.h"
#include "repository/reliance.h"
#include "repository/tree.h"

namespace stillpoint::repository {

// Writes one backup: files first, then the folders that hold them, and at the end the record that
// makes it visible. Dropped before that, it leaves nothing that anybody sees.
class BackupWriter {
 public:
  // Locks the repository (shared), looks at what is retired, and loads the index.
  static Result<std::unique_ptr<BackupWriter>> begin(Repository& repository,
                                                     const WriteOptions& options,
                                                     std::stop_token stop);

  BlobWriter& blobs() { return *blobs_; }
  // Paths are relative, with '/' between folders. Each path once; thread-safe.
  Result<void> add_file(const std::string& path, const FileContent& content);
  Result<void> add_text(const std::string& path, std::string_view text);
  // Makes the backup durable and visible. Takes the record's time, hostname, paths and tags. Where
  // something that it relies on may be gone, it is not visible afterwards, and this fails.
  Result<Record> finish(Record record);
  // The same for a copy, whose folders have been saved as blobs: `text` is its record.
  Result<Id> finish_copy(std::string_view text);

 private:
  struct Folder {
    std::map<std::string, FileContent> files = {};
    std::map<std::string, Folder> folders = {};
  };
  BackupWriter(Repository& repository, std::unique_ptr<Lock> lock,
               std::unique_ptr<Reliance> reliance, const WriteOptions& options,
               std::stop_token stop)
      : repository_(repository),
        lock_(std::move(lock)),
        reliance_(std::move(reliance)),
        blobs_(std::make_unique<BlobWriter>(repository, options, *reliance_, std::move(stop))) {}
  Result<Id> write_folder(const Folder& folder, base::Time time);
  Result<void> make_visible(const SealedFile& record);

  Repository& repository_;
  std::unique_ptr<Lock> lock_;
  std::unique_ptr<Reliance> reliance_;
  std::unique_ptr<BlobWriter> blobs_;
  base::Guarded<Folder> root_;
};

}  // namespace stillpoint::repository

// SPDX-License-Identifier: Apache-2.0
// The backups of a repository: listed, found by what a user calls them, opened.
#pragma once

#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "backup/manifest.h"
#include "base/result.h"
#include "repository/repository.h"
#include "repository/tree.h"

namespace stillpoint::backup {

// What a record tells without opening the backup.
struct Listed {
  repository::Record record = {};
  bool ours = false;        // else written by restic or another program
  std::string system = {};  // of somebody else's: the host
  std::string label = {};
  std::string verdict = {};  // "" for somebody else's
  bool damaged() const { return verdict == "damaged"; }
};

Listed listed_of(const repository::Record& record);
// The record of a backup that has this manifest.
repository::Record record_of(const Manifest& manifest);
// The tags of this backup once it was repaired without what it has lost: it claims nothing more.
std::vector<std::string> repaired_tags(const repository::Record& record);
Result<std::vector<Listed>> list_backups(const repository::Repository& repository,
                                         std::stop_token stop);

// For what has to go on beside damage: the backups that can be read, and what cannot be.
struct UnreadableRecord {
  Id id = {};
  Error error = {};
};
struct Catalogue {
  std::vector<Listed> backups = {};  // oldest first
  std::vector<UnreadableRecord> unreadable = {};
};
// Fails where the storage does, or somebody stops it: nothing is called unreadable for that.
Result<Catalogue> read_catalogue(const repository::Repository& repository, std::stop_token stop);

// `name` is "latest", "latest:SYSTEM", a label, or the front of an id. The newest that fits, and
// not one that was repaired, but what the repair has made of it; an id prefix must be unique.
Result<Listed> find_backup(const repository::Repository& repository, std::string_view name,
                           std::stop_token stop);
Result<Listed> find_backup(const std::vector<Listed>& all, std::string_view name);

// The repository's index must be loaded. `unsupported` for a backup that is not ours. Of a damaged
// one the manifest tells what was there; what is lost of it is looked up.
Result<Manifest> load_manifest(const repository::Repository& repository, const Listed& backup,
                               std::stop_token stop);

// SHA-256 over the ids of a file's chunks: what the manifest says of its content.
Id content_id(const std::vector<Id>& chunks);
// The file of a manifest in the backup, if its content is what the manifest says.
Result<repository::Node> find_stored_file(const repository::Repository& repository,
                                          const Listed& backup, const StoredFile& file);

}  // namespace stillpoint::backup

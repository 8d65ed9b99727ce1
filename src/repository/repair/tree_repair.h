// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "repository/blob_writer.h"
#include "repository/prune/usage.h"
#include "repository/repository.h"
#include "repository/tree.h"

namespace stillpoint::repository {

struct MendedTree {
  std::optional<Id> tree = {};  // the root afterwards; none where the root itself is lost
  std::vector<std::string> left_out = {};  // paths; of folders with a slash at the end
};

// Finds what of folders and files is in no index, and makes folders that do without it: a file
// that lacks a chunk is left out, never cut short or filled up; so is a folder that is lost.
// The index must be loaded. One thread.
class TreeRepair {
 public:
  // `sizes`: the packs that are there.
  TreeRepair(Repository& repository, PackSizes sizes, std::stop_token stop)
      : repository_(repository), sizes_(std::move(sizes)), stop_(std::move(stop)) {}

  // With `writer` the new folders are stored, and it relies on all that stays; without, they are
  // only named. `corrupt` where a pack is missing that the index names, or a folder is there but
  // damaged: nothing is given up that may only have to be brought back.
  Result<MendedTree> mend(const Id& root, BlobWriter* writer);

 private:
  Result<std::optional<Id>> mend_folder(const Id& tree, const std::string& path, int depth);
  Result<TreeChange> find_change(const std::vector<Node>& nodes, const std::string& path,
                                 int depth);
  Result<bool> is_there(BlobType type, const Id& id, std::uint64_t* size = nullptr);
  Result<bool> is_complete(const Node& file);
  Result<void> rely(BlobType type, const Id& id);

  Repository& repository_;
  PackSizes sizes_;
  const std::stop_token stop_;
  BlobWriter* writer_ = nullptr;
  std::vector<std::string> left_out_;
  std::unordered_set<Id> whole_;  // folders of which nothing lacks
};

}  // namespace stillpoint::repository

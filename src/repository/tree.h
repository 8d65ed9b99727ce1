// SPDX-License-Identifier: Apache-2.0
// A tree blob: one folder of a backup, as restic's JSON.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/sha256.h"

namespace stillpoint::repository {

enum class NodeType { file, folder, other };

struct Node {
  std::string name = {};  // any bytes but '/' and zero
  NodeType type = NodeType::file;
  std::uint64_t size = 0;        // of a file
  std::vector<Id> content = {};  // a file's chunks, in order
  Id subtree = {};               // a folder's tree
  base::Time modified = {};
  std::uint32_t mode = 0600;    // permission bits
  std::string other_type = {};  // "symlink", "dev", … of somebody else's backup
};

// The nodes must be in the order of their names. The id of a tree is the hash of this text.
std::string encode_tree(const std::vector<Node>& nodes);
Result<std::vector<Node>> decode_tree(ByteView text);

struct TreeChange {
  std::set<std::string> left_out = {};     // names
  std::map<std::string, Id> folders = {};  // their new trees, by name
  bool empty() const { return left_out.empty() && folders.empty(); }
};
// The text with that changed; all else stays as it says, whoever wrote it.
Result<std::string> change_tree(ByteView text, const TreeChange& change);

}  // namespace stillpoint::repository

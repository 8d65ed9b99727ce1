// SPDX-License-Identifier: Apache-2.0
#include "repository/prune/marks.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "pipeline/ordered.h"

namespace stillpoint::repository {
namespace {

constexpr std::size_t readers = 4;

}  // namespace

bool Marks::mark(BlobType type, const Id& id, std::uint32_t& entry) {
  const auto found = repository_.index().entry_of(type, id);
  if (!found) {
    if (missing_.size() < missing_max) missing_.insert(id);
    return false;
  }
  entry = *found;
  return used_.set(entry);
}

void Marks::mark_content(const Node& file) {
  std::uint32_t entry = 0;
  for (const Id& chunk : file.content) mark(BlobType::data, chunk, entry);
}

// Level by level, several folders at once. Numbers of entries wait for their turn, not ids: an
// eighth of the memory where all blobs are folders.
Result<void> Marks::walk(const std::vector<Id>& trees, const std::stop_token& stop) {
  std::vector<std::uint32_t> level;
  std::uint32_t entry = 0;
  for (const Id& tree : trees) {
    if (mark(BlobType::tree, tree, entry)) level.push_back(entry);
  }
  while (!level.empty()) {
    std::vector<std::uint32_t> below;
    std::size_t next = 0;
    const auto source = [&]() -> Result<std::optional<Id>> {
      if (next == level.size()) return std::nullopt;
      return std::optional<Id>(repository_.index().blob(level[next++]).id);
    };
    const auto keep = [&](std::vector<Node> nodes) -> Result<void> {
      for (const Node& node : nodes) {
        mark_content(node);
        if (node.type != NodeType::folder) continue;
        if (mark(BlobType::tree, node.subtree, entry)) below.push_back(entry);
      }
      return {};
    };
    TRY((pipeline::run_ordered<Id, std::vector<Node>>(
        {readers, readers + 2}, stop, source, [&](Id id) { return load_tree(repository_, id); },
        keep)));
    level = std::move(below);
  }
  return {};
}

}  // namespace stillpoint::repository

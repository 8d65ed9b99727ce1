// SPDX-License-Identifier: Apache-2.0
#include "repository/backup_reader.h"

#include <algorithm>
#include <thread>

#include "base/text.h"
#include "pipeline/ordered.h"

namespace stillpoint::repository {
namespace {

Result<void> walk_below(const Repository& repository, const Id& tree, const std::string& prefix,
                        int depth, const VisitNode& visit, const std::stop_token& stop) {
  if (depth > folders_deep_max) return fail(Errc::corrupt, "{}: folders nest too deeply", prefix);
  for (const Node& node : TRY(load_tree(repository, tree))) {
    if (stop.stop_requested()) return fail(Errc::cancelled, "interrupted");
    const std::string path = prefix.empty() ? node.name : prefix + "/" + node.name;
    TRY(visit(path, node));
    if (node.type != NodeType::folder) continue;
    TRY(walk_below(repository, node.subtree, path, depth + 1, visit, stop));
  }
  return {};
}

}  // namespace

Result<std::vector<Node>> load_tree(const Repository& repository, const Id& tree) {
  const Bytes text = TRY(repository.load_blob(BlobType::tree, tree));
  return TRY_DURING("tree " + tree.brief(), decode_tree(text));
}

Result<Node> find_node(const Repository& repository, const Id& root, std::string_view path) {
  Node node;
  node.type = NodeType::folder;
  node.subtree = root;
  for (const std::string& name : base::split(path, '/')) {
    if (name.empty()) continue;
    const auto missing = [&] {
      return fail(Error{Errc::not_found,
                        fmt::format("'{}' is not in the backup", base::printable(path)),
                        "see what is: stillpoint ls BACKUP"});
    };
    if (node.type != NodeType::folder) return missing();
    std::vector<Node> nodes = TRY(load_tree(repository, node.subtree));
    const auto at =
        std::find_if(nodes.begin(), nodes.end(), [&](const Node& n) { return n.name == name; });
    if (at == nodes.end()) return missing();
    node = std::move(*at);
  }
  return node;
}

Result<void> walk(const Repository& repository, const Id& tree, const VisitNode& visit,
                  std::stop_token stop) {
  return walk_below(repository, tree, "", 0, visit, stop);
}

Result<void> read_file(const Repository& repository, const Node& file, const FileSink& sink,
                       std::stop_token stop) {
  if (file.type != NodeType::file) return fail(Errc::invalid, "'{}' is not a file", file.name);
  const std::size_t workers = std::max(1U, std::thread::hardware_concurrency());
  std::size_t next = 0;
  std::uint64_t offset = 0;
  const auto source = [&]() -> Result<std::optional<Id>> {
    return next < file.content.size() ? std::optional<Id>(file.content[next++]) : std::nullopt;
  };
  TRY((pipeline::run_ordered<Id, Bytes>(
      {workers, workers + 4}, std::move(stop), source,
      [&](Id id) { return repository.load_blob(BlobType::data, id); },
      [&](Bytes bytes) {
        const std::uint64_t at = std::exchange(offset, offset + bytes.size());
        return sink(at, bytes);
      })));
  if (offset != file.size) {
    return fail(Errc::corrupt, "'{}' has {} bytes instead of {}", file.name, offset, file.size);
  }
  return {};
}

Result<Bytes> read_whole_file(const Repository& repository, const Node& file, std::size_t bytes_max,
                              std::stop_token stop) {
  if (file.size > bytes_max) {
    return fail(Errc::corrupt, "'{}' has {} bytes, more than {}", file.name, file.size, bytes_max);
  }
  Bytes whole;
  const FileSink keep = [&](std::uint64_t, ByteView bytes) -> Result<void> {
    base::append(whole, bytes);
    return {};
  };
  TRY(read_file(repository, file, keep, std::move(stop)));
  return whole;
}

}  // namespace stillpoint::repository

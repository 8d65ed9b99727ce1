// SPDX-License-Identifier: Apache-2.0
// Reading what a backup holds: folders by path, files as streams.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "repository/repository.h"
#include "repository/tree.h"

namespace stillpoint::repository {

// The entry at a path ("shop/data/x"; empty for the root folder) below a tree.
Result<Node> find_node(const Repository& repository, const Id& root, std::string_view path);
Result<std::vector<Node>> load_tree(const Repository& repository, const Id& tree);

inline constexpr int folders_deep_max = 512;

// Visits every entry below a tree, folders before what they hold. `path` is relative to the tree.
using VisitNode = std::function<Result<void>(const std::string& path, const Node& node)>;
Result<void> walk(const Repository& repository, const Id& tree, const VisitNode& visit,
                  std::stop_token stop);

// The bytes of a file in order, fetched and opened by several threads ahead of `sink`.
using FileSink = std::function<Result<void>(std::uint64_t offset, ByteView bytes)>;
Result<void> read_file(const Repository& repository, const Node& file, const FileSink& sink,
                       std::stop_token stop);
// A small file as a whole.
Result<Bytes> read_whole_file(const Repository& repository, const Node& file, std::size_t bytes_max,
                              std::stop_token stop);

}  // namespace stillpoint::repository

// SPDX-License-Identifier: Apache-2.0
#include "repository/tree.h"

#include <nlohmann/json.hpp>

#include "repository/go_quote.h"
#include "repository/host.h"
#include "repository/json_read.h"

namespace stillpoint::repository {
namespace {

// Go's os.FileMode, which restic writes: the permission bits as in Unix, the kind in the high bits.
constexpr std::uint64_t go_directory = 1ULL << 31;

Json json_of(const Node& node, const Host& host) {
  const std::string time = base::format_time(node.modified);
  Json json = {{"name", go_quote(node.name)},
               {"type", node.type == NodeType::folder ? "dir" : "file"},
               {"mode", node.mode | (node.type == NodeType::folder ? go_directory : 0)},
               {"mtime", time},
               {"atime", time},
               {"ctime", time},
               {"uid", host.uid},
               {"gid", host.gid},
               {"user", host.user}};
  if (node.type == NodeType::folder) {
    json["subtree"] = node.subtree.hex();
    return json;
  }
  json["size"] = node.size;
  Json content = Json::array();
  for (const Id& id : node.content) content.push_back(id.hex());
  json["content"] = std::move(content);
  return json;
}

Result<Node> node_of(const Json& json) {
  if (!json.is_object()) return fail(Errc::corrupt, "a tree entry that is none");
  Node node;
  node.name = TRY(go_unquote(text_or(json, "name")));
  if (node.name.empty() || node.name == "." || node.name == ".." ||
      node.name.find('/') != std::string::npos || node.name.find('\0') != std::string::npos) {
    return fail(Errc::corrupt, "a tree entry with an impossible name");
  }
  const std::string type = text_or(json, "type");
  node.mode = static_cast<std::uint32_t>(number_or(json, "mode") & 0777);
  if (const auto time = base::parse_time(text_or(json, "mtime"))) node.modified = *time;
  if (type == "dir") {
    node.type = NodeType::folder;
    node.subtree = TRY(id_of(json, "subtree"));
  } else if (type == "file") {
    node.size = number_or(json, "size");
    for (const std::string& text : texts_of(json, "content")) {
      if (!Id::parse(text, node.content.emplace_back())) {
        return fail(Errc::corrupt, "a file's content is not ids");
      }
    }
  } else {
    node.type = NodeType::other;
    node.other_type = type;
  }
  return node;
}

}  // namespace

std::string encode_tree(const std::vector<Node>& nodes) {
  const Host host = this_host();
  Json list = Json::array();
  for (const Node& node : nodes) list.push_back(json_of(node, host));
  return write_json({{"nodes", std::move(list)}}) + "\n";
}

Result<std::vector<Node>> decode_tree(ByteView text) {
  const Json json = TRY_DURING("tree", parse_json(text));
  const auto list = json.find("nodes");
  std::vector<Node> nodes;
  if (list == json.end() || list->is_null())
    return nodes;  // restic writes null for an empty folder
  if (!list->is_array()) return fail(Errc::corrupt, "tree: 'nodes' is not a list");
  for (const Json& entry : *list) nodes.push_back(TRY_DURING("tree", node_of(entry)));
  return nodes;
}

Result<std::string> change_tree(ByteView text, const TreeChange& change) {
  Json json = TRY_DURING("tree", parse_json(text));
  Json nodes = Json::array();
  for (Json& node : json["nodes"]) {
    const std::string name = TRY(go_unquote(text_or(node, "name")));
    if (change.left_out.contains(name)) continue;
    const auto folder = change.folders.find(name);
    if (folder != change.folders.end()) node["subtree"] = folder->second.hex();
    nodes.push_back(std::move(node));
  }
  json["nodes"] = std::move(nodes);
  return write_json(json) + "\n";
}

}  // namespace stillpoint::repository

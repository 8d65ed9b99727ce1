// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "backup/catalogue.h"
#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "repository/backup_reader.h"

namespace stillpoint::cli {
namespace {

using repository::Node;
using repository::NodeType;

std::string_view type_of(const Node& node) {
  if (node.type == NodeType::folder) return "dir";
  return node.type == NodeType::file ? "file" : std::string_view(node.other_type);
}

void print_node(const std::string& path, const Node& node, bool json) {
  if (json) {
    print_json({{"path", path},
                {"type", type_of(node)},
                {"size", node.size},
                {"mtime", base::format_time(node.modified)}});
    return;
  }
  const std::string size = node.type == NodeType::file ? base::display_bytes(node.size) : "-";
  print(fmt::format("{:>10}  {}{}\n", size, base::printable(path),
                    node.type == NodeType::folder ? "/" : ""));
}

}  // namespace

// JSON lines, one an entry: a backup may hold more than fits into memory at once.
Result<int> run(const LsCommand& command, const Session& session) {
  const Reading reading = TRY(open_for_reading(session, true));
  const repository::Repository& repository = *reading.repository;
  const auto backup = TRY(backup::find_backup(repository, command.backup, session.stop));
  const Node start = TRY(repository::find_node(repository, backup.record.tree, command.path));
  std::string prefix = command.path;
  while (!prefix.empty() && prefix.back() == '/') prefix.pop_back();
  while (!prefix.empty() && prefix.front() == '/') prefix.erase(0, 1);
  if (start.type != NodeType::folder) {
    print_node(prefix, start, session.options.json);
    return exit_done;
  }
  const auto visit = [&](const std::string& path, const Node& node) -> Result<void> {
    print_node(prefix.empty() ? path : prefix + "/" + path, node, session.options.json);
    return {};
  };
  TRY(repository::walk(repository, start.subtree, visit, session.stop));
  return exit_done;
}

}  // namespace stillpoint::cli

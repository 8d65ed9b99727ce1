// SPDX-License-Identifier: Apache-2.0
#include "repository/repair/tree_repair.h"

#include <utility>

#include "base/text.h"
#include "repository/backup_reader.h"

namespace stillpoint::repository {
namespace {

constexpr const char* repair_packs_first = "run first: stillpoint repair packs --damaged";

}  // namespace

Result<MendedTree> TreeRepair::mend(const Id& root, BlobWriter* writer) {
  writer_ = writer;
  left_out_.clear();
  MendedTree mended;
  mended.tree = TRY(mend_folder(root, "", 0));
  mended.left_out = std::move(left_out_);
  return mended;
}

Result<std::optional<Id>> TreeRepair::mend_folder(const Id& tree, const std::string& path,
                                                  int depth) {
  if (depth > folders_deep_max) return fail(Errc::corrupt, "{}: folders nest too deeply", path);
  if (stop_.stop_requested()) return fail(Errc::cancelled, "interrupted");
  if (writer_ == nullptr && whole_.contains(tree)) return std::optional(tree);
  if (!TRY(is_there(BlobType::tree, tree))) return std::optional<Id>();
  auto text = repository_.load_blob(BlobType::tree, tree);
  if (!text) return fail(std::move(text.error()).advise(repair_packs_first));
  const std::vector<Node> nodes = TRY_DURING("tree " + tree.brief(), decode_tree(*text));
  const TreeChange change = TRY(find_change(nodes, path, depth));
  if (change.empty()) {
    whole_.insert(tree);
    if (writer_ != nullptr) TRY(rely(BlobType::tree, tree));
    return std::optional(tree);
  }
  const std::string changed = TRY(change_tree(*text, change));
  const Id id = base::sha256(base::view_of(changed));
  if (writer_ != nullptr) {
    TRY(writer_->save(BlobType::tree, base::copy_of(changed), [](const Id&) {}));
  }
  return std::optional(id);
}

Result<TreeChange> TreeRepair::find_change(const std::vector<Node>& nodes, const std::string& path,
                                           int depth) {
  TreeChange change;
  for (const Node& node : nodes) {
    const std::string below = path.empty() ? node.name : path + "/" + node.name;
    if (node.type == NodeType::folder) {
      const std::optional<Id> mended = TRY(mend_folder(node.subtree, below, depth + 1));
      if (mended == node.subtree) continue;
      if (mended) {
        change.folders[node.name] = *mended;
        continue;
      }
      left_out_.push_back(below + "/");
      change.left_out.insert(node.name);
    } else if (node.type == NodeType::file && !TRY(is_complete(node))) {
      left_out_.push_back(below);
      change.left_out.insert(node.name);
    }
  }
  return change;
}

Result<bool> TreeRepair::is_there(BlobType type, const Id& id, std::uint64_t* size) {
  const auto place = repository_.index().find(type, id);
  if (!place) return false;
  if (size != nullptr) *size += place->blob.size();
  if (sizes_.contains(place->pack)) return true;
  // Perhaps stored since the packs were listed.
  const auto info = repository_.backend().stat(name_of_file(FileKind::pack, place->pack));
  if (info) {
    sizes_.emplace(place->pack, info->bytes);
    return true;
  }
  if (info.error().code != Errc::not_found) return fail(Error(info.error()));
  return fail(Error{Errc::corrupt,
                    "pack " + place->pack.hex() + " is missing, and the index names it",
                    "bring it back if it can be; else " + std::string(repair_packs_first)});
}

Result<bool> TreeRepair::is_complete(const Node& file) {
  std::uint64_t size = 0;
  for (const Id& chunk : file.content) {
    if (!TRY(is_there(BlobType::data, chunk, &size))) return false;
  }
  if (size != file.size) return false;
  if (writer_ == nullptr) return true;
  for (const Id& chunk : file.content) TRY(rely(BlobType::data, chunk));
  return true;
}

// What lies only in a pack that prune is about to retire is stored again.
Result<void> TreeRepair::rely(BlobType type, const Id& id) {
  if (writer_->relies_on(type, id)) return {};
  Bytes plain = TRY(repository_.load_blob(type, id));
  return writer_->save(type, std::move(plain), [](const Id&) {});
}

}  // namespace stillpoint::repository

// SPDX-License-Identifier: Apache-2.0
// The ids of Consensus Commit's transactions. A plain one stands for itself. With group commit,
// many transactions share a row of the coordinator: the id is its parent's 24 letters and digits, a
// '$', and the child's own id; the row of the group has the parent's id and lists the children. A
// child that was late has a row of its own, under the whole id.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace stillpoint::layer::scalardb {

struct TransactionId {
  std::string_view parent = {};  // empty: no group commit
  std::string_view child = {};
  bool grouped() const { return !parent.empty(); }
};

TransactionId split_id(std::string_view id);
std::string join_id(std::string_view parent, std::string_view child);

// Of tx_child_ids: "a,b,c".
std::vector<std::string_view> split_children(std::string_view list);

}  // namespace stillpoint::layer::scalardb

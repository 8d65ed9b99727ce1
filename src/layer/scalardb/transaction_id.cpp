// SPDX-License-Identifier: Apache-2.0
#include "layer/scalardb/transaction_id.h"

namespace stillpoint::layer::scalardb {
namespace {

constexpr std::size_t parent_length = 24;
constexpr char separator = '$';

}  // namespace

TransactionId split_id(std::string_view id) {
  if (id.size() <= parent_length || id[parent_length] != separator) return {};
  return {id.substr(0, parent_length), id.substr(parent_length + 1)};
}

std::string join_id(std::string_view parent, std::string_view child) {
  std::string id(parent);
  id += separator;
  return id += child;
}

std::vector<std::string_view> split_children(std::string_view list) {
  std::vector<std::string_view> children;
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    if (comma != 0) children.push_back(list.substr(0, comma));
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  return children;
}

}  // namespace stillpoint::layer::scalardb

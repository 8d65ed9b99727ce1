// SPDX-License-Identifier: Apache-2.0
#include "layer/scalardb/replay/facts.h"

#include <tuple>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace stillpoint::layer::scalardb {

TransactionHash transaction_hash(std::string_view id) {
  const XXH128_hash_t hash = XXH3_128bits(id.data(), id.size());
  return {hash.high64, hash.low64};
}

std::uint64_t record_hash(std::string_view table, std::span<const database::Value> keys) {
  std::uint64_t hash = XXH3_64bits(table.data(), table.size());
  // Each value by its own hash: "a", "bc" is another key than "ab", "c".
  for (const database::Value& key : keys) {
    hash = key ? XXH3_64bits_withSeed(key->data(), key->size(), hash) : ~hash;
  }
  return hash & ~std::uint64_t{0xFF};
}

Fact Fact::of_state(std::string_view id, bool committed, std::int64_t created_at) {
  const FactKind kind = committed ? FactKind::state_committed : FactKind::state_aborted;
  return {transaction_hash(id), static_cast<std::uint64_t>(kind), created_at};
}

Fact Fact::of_record(TransactionHash transaction, std::uint64_t record, FactKind kind,
                     std::int64_t time) {
  return {transaction, record | static_cast<std::uint64_t>(kind), time};
}

bool ByTransaction::operator()(const Fact& one, const Fact& other) const {
  return std::tuple(one.transaction, one.kind(), one.record_and_kind) <
         std::tuple(other.transaction, other.kind(), other.record_and_kind);
}

}  // namespace stillpoint::layer::scalardb

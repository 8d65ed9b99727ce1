// SPDX-License-Identifier: Apache-2.0
// What coordinators and records say, one fact a row, so small that hundreds of millions of them can
// be sorted. Transactions and records are told by hashes alone.
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string_view>

#include "database/watch.h"

namespace stillpoint::layer::scalardb {

// Of a transaction's whole id: two that have the same are as good as impossible.
struct TransactionHash {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  auto operator<=>(const TransactionHash&) const = default;
};

TransactionHash transaction_hash(std::string_view id);
// Of a table's name and the values of its primary key. The lowest byte is left to Fact.
std::uint64_t record_hash(std::string_view table, std::span<const database::Value> keys);

// In the order in which a transaction's facts are judged: its states first.
enum class FactKind : std::uint8_t {
  state_committed,
  state_aborted,
  prepared,   // the record, by that transaction
  deleted,    // the same, and it is to go
  committed,  // the record
  before,     // the image that an unfinished record was made from
};

// 32 bytes. `time`, in milliseconds since 1970: when the state was made; when the record was
// prepared, if it is unfinished, or committed.
struct Fact {
  TransactionHash transaction = {};
  std::uint64_t record_and_kind = 0;
  std::int64_t time = 0;

  static Fact of_state(std::string_view id, bool committed, std::int64_t created_at);
  static Fact of_record(TransactionHash transaction, std::uint64_t record, FactKind kind,
                        std::int64_t time);
  FactKind kind() const { return static_cast<FactKind>(record_and_kind & 0xFF); }
  std::uint64_t record() const { return record_and_kind & ~std::uint64_t{0xFF}; }
};

struct ByTransaction {
  bool operator()(const Fact& one, const Fact& other) const;
};

}  // namespace stillpoint::layer::scalardb

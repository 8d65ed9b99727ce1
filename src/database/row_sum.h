// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "database/database.h"

struct XXH3_state_s;

namespace stillpoint::database {

// The receipt of rows of which each ends with a line feed: their number, and the checksum of
// docs/formats/manifest.md, which is the same in any order.
class RowSum {
 public:
  RowSum();
  ~RowSum();
  RowSum(const RowSum&) = delete;
  RowSum& operator=(const RowSum&) = delete;

  void add_row(ByteView row);               // whole, with its line feed
  void add(ByteView bytes);                 // in any pieces
  bool complete() const { return !open_; }  // the last row had its line feed
  Receipt receipt() const { return {rows_, checksum_}; }

 private:
  struct StateFree {
    void operator()(XXH3_state_s* state) const;
  };
  std::unique_ptr<XXH3_state_s, StateFree> state_;  // of a row that has come in part
  bool open_ = false;
  std::uint64_t rows_ = 0;
  std::uint64_t checksum_ = 0;
};

}  // namespace stillpoint::database

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "database/database.h"

struct XXH3_state_s;

namespace stillpoint::database::postgresql {

// The receipt of rows in COPY's text format, whose bytes come in any pieces: their number, and the
// sum of the XXH3 of each with its line feed.
class CopySum {
 public:
  CopySum();
  ~CopySum();
  CopySum(const CopySum&) = delete;
  CopySum& operator=(const CopySum&) = delete;

  void add(ByteView bytes);
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

}  // namespace stillpoint::database::postgresql

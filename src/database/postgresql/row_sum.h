// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace stillpoint::database::postgresql {

// The checksum of docs/formats/manifest.md: of rows in any order.
class RowSum {
 public:
  void add(ByteView row);  // with its line feed
  std::uint64_t rows() const { return rows_; }
  std::uint64_t sum() const { return sum_; }

 private:
  std::uint64_t rows_ = 0;
  std::uint64_t sum_ = 0;
};

}  // namespace stillpoint::database::postgresql

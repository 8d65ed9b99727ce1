// SPDX-License-Identifier: Apache-2.0
#include "database/row_sum.h"

#include <cstring>

#include <xxhash.h>

namespace stillpoint::database {

void RowSum::StateFree::operator()(XXH3_state_s* state) const {
  XXH3_freeState(state);
}

RowSum::RowSum() : state_(XXH3_createState()) {}
RowSum::~RowSum() = default;

void RowSum::add_row(ByteView row) {
  ++rows_;
  checksum_ += XXH3_64bits(row.data(), row.size());
}

void RowSum::add(ByteView bytes) {
  while (!bytes.empty()) {
    const void* feed = std::memchr(bytes.data(), '\n', bytes.size());
    const std::size_t length =
        feed == nullptr
            ? bytes.size()
            : static_cast<std::size_t>(static_cast<const Byte*>(feed) - bytes.data()) + 1;
    const bool whole = feed != nullptr;
    if (whole && !open_) {
      add_row(bytes.first(length));
    } else {
      if (!open_) XXH3_64bits_reset(state_.get());
      XXH3_64bits_update(state_.get(), bytes.data(), length);
      open_ = !whole;
      if (whole) {
        ++rows_;
        checksum_ += XXH3_64bits_digest(state_.get());
      }
    }
    bytes = bytes.subspan(length);
  }
}

}  // namespace stillpoint::database

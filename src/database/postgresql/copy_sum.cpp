// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/copy_sum.h"

#include <cstring>

#include <xxhash.h>

namespace stillpoint::database::postgresql {

void CopySum::StateFree::operator()(XXH3_state_s* state) const {
  XXH3_freeState(state);
}

CopySum::CopySum() : state_(XXH3_createState()) {}
CopySum::~CopySum() = default;

void CopySum::add(ByteView bytes) {
  while (!bytes.empty()) {
    const void* feed = std::memchr(bytes.data(), '\n', bytes.size());
    const std::size_t length =
        feed == nullptr
            ? bytes.size()
            : static_cast<std::size_t>(static_cast<const Byte*>(feed) - bytes.data()) + 1;
    const bool whole = feed != nullptr;
    if (whole && !open_) {
      checksum_ += XXH3_64bits(bytes.data(), length);
    } else {
      if (!open_) XXH3_64bits_reset(state_.get());
      XXH3_64bits_update(state_.get(), bytes.data(), length);
      if (whole) checksum_ += XXH3_64bits_digest(state_.get());
    }
    if (whole) ++rows_;
    open_ = !whole;
    bytes = bytes.subspan(length);
  }
}

}  // namespace stillpoint::database::postgresql

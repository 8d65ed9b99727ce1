// SPDX-License-Identifier: Apache-2.0
#include "database/postgresql/row_sum.h"

#include <xxhash.h>

namespace stillpoint::database::postgresql {

void RowSum::add(ByteView row) {
  ++rows_;
  sum_ += XXH3_64bits(row.data(), row.size());
}

}  // namespace stillpoint::database::postgresql

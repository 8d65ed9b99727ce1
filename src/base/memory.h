// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <malloc.h>

namespace stillpoint::base {

// Buffers of chunks are made and dropped all the time. By default malloc maps and unmaps each, and
// the kernel's clearing of fresh pages costs a tenth of a backup's CPU. Call it first in main().
inline void keep_freed_memory() {
  ::mallopt(M_MMAP_THRESHOLD, 4 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 64 << 20);
}

}  // namespace stillpoint::base

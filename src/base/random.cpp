// SPDX-License-Identifier: Apache-2.0
#include "base/random.h"

#include <array>
#include <cerrno>
#include <cstdlib>

#include <sys/random.h>

#include "base/encoding.h"

namespace stillpoint::base {

void secure_random(std::span<Byte> out) {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t n = getrandom(out.data() + done, out.size() - done, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) std::abort();  // without randomness nothing that we write is safe
    done += static_cast<std::size_t>(n);
  }
}

std::string random_token() {
  std::array<Byte, 8> bytes = {};
  secure_random(bytes);
  return hex(bytes);
}

}  // namespace stillpoint::base

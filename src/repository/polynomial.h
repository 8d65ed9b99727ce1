// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace stillpoint::repository {

// Polynomials over GF(2), a bit a coefficient. restic's chunker wants a random irreducible one of
// degree 53 in each repository's config. We cut otherwise, but restic may write there too.
bool is_irreducible(std::uint64_t polynomial);
std::uint64_t random_polynomial();

}  // namespace stillpoint::repository

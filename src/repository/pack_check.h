// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "repository/index_file.h"
#include "repository/repository.h"

namespace stillpoint::repository {

// Reads every byte of a stored pack of that size, and says what is wrong with it: nothing where it
// is sound. `pack` is what the index says of it, in the order of the offsets. Fails only where the
// storage does not answer, or on a stop. The hash of the whole is not taken: header and blobs fill
// the pack to the byte, and each is authenticated, so that any change is seen, at two thirds of the
// cost. Thread-safe.
Result<std::vector<std::string>> check_pack(const Repository& repository, const IndexedPack& pack,
                                            std::uint64_t pack_bytes,
                                            std::atomic<std::uint64_t>& bytes_done,
                                            const std::stop_token& stop);

bool same_blobs(const std::vector<PackedBlob>& one, const std::vector<PackedBlob>& other);

}  // namespace stillpoint::repository

// SPDX-License-Identifier: Apache-2.0
// Where files are cut: by content for streams, at page-aligned blocks for files changed in place.
// Why so: docs/decisions/0003-chunking.md and 0017-blocks-of-pages.md.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace stillpoint::repository {

struct ChunkSizes {
  std::size_t least = 0;
  std::size_t average = 0;
  std::size_t most = 0;
};

// For a stream of about that many bytes (0: unknown).
ChunkSizes stream_chunk_sizes(std::uint64_t bytes_estimate);
// For one of `files` files of pages that are backed up together: a multiple of the page size. As
// small as keeps this file at 32 Ki chunks, and such files at 2 Mi.
std::size_t page_block_bytes(std::uint64_t bytes_estimate, std::uint32_t page_bytes,
                             std::size_t files);

// The length of the first chunk of `bytes`, or 0 where the cut lies beyond their end. FastCDC: a
// gear hash with a stricter mask before the average and a laxer one after it.
std::size_t find_cut(ByteView bytes, const ChunkSizes& sizes);

}  // namespace stillpoint::repository

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>

#include "repository/blob_writer.h"
#include "repository/chunker.h"

namespace stillpoint::repository {

struct FileContent {
  std::uint64_t size = 0;
  std::vector<Id> chunks = {};
};

// Cuts one file into chunks and gives them to the BlobWriter, which must outlive it.
// Pieces may come in any order, each byte once; a piece that does not follow the one before it
// begins a new chunk. One thread at a time.
class FileWriter {
 public:
  // Cut by content.
  FileWriter(BlobWriter& blobs, const ChunkSizes& sizes);
  // Cut at multiples of `block_bytes` in the file.
  FileWriter(BlobWriter& blobs, std::size_t block_bytes);

  Result<void> write(std::uint64_t offset, ByteView bytes);
  // Waits for the ids of all chunks. `internal` where bytes are missing or came twice.
  Result<FileContent> finish();

 private:
  struct Chunk {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    Id id = {};
  };
  // Shared with the workers, who may still hold a chunk when a failure has ended the file.
  struct Saving {
    std::deque<Chunk> chunks = {};  // a deque: workers fill in ids while it grows
    std::size_t open = 0;           // chunks without id
    std::mutex mutex = {};
    std::condition_variable_any all_saved = {};
  };
  Result<void> write_block(ByteView& bytes);
  Result<void> cut_stream(bool all);
  Result<void> flush();
  Result<void> save(Bytes chunk);

  BlobWriter& blobs_;
  const ChunkSizes sizes_;
  const std::size_t block_bytes_;
  Bytes buffer_;             // not cut yet, behind `cut_`
  std::size_t cut_ = 0;      // bytes of buffer_ that are chunks already
  std::uint64_t begin_ = 0;  // where buffer_ lies in the file
  const std::shared_ptr<Saving> saving_ = std::make_shared<Saving>();
};

}  // namespace stillpoint::repository

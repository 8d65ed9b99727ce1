// SPDX-License-Identifier: Apache-2.0
#include "repository/file_writer.h"

#include <algorithm>
#include <utility>

namespace stillpoint::repository {

FileWriter::FileWriter(BlobWriter& blobs, const ChunkSizes& sizes)
    : blobs_(blobs), sizes_(sizes), block_bytes_(0) {}

FileWriter::FileWriter(BlobWriter& blobs, std::size_t block_bytes)
    : blobs_(blobs), block_bytes_(block_bytes) {}

// Workers write into chunks_: whoever gives up on the file stops them first, by the failure.
FileWriter::~FileWriter() {
  std::unique_lock lock(mutex_);
  saved_.wait(lock, blobs_.failure().token(), [&] { return open_ == 0; });
}

Result<void> FileWriter::write(std::uint64_t offset, ByteView bytes) {
  if (offset != begin_ + buffer_.size()) {
    TRY(cut(true));
    begin_ = offset;
  }
  base::append(buffer_, bytes);
  return cut(false);
}

// The length of the first chunk in the buffer; 0 where more bytes are needed to know.
std::size_t FileWriter::next_cut(bool all) const {
  std::size_t length = 0;
  if (block_bytes_ == 0) {
    // Looking again at each small piece would hash the same bytes over and over.
    if (buffer_.size() >= sizes_.most || all) length = find_cut(buffer_, sizes_);
  } else {
    length = block_bytes_ - begin_ % block_bytes_;
    if (length > buffer_.size()) length = 0;
  }
  return length == 0 && all ? buffer_.size() : length;
}

Result<void> FileWriter::cut(bool all) {
  for (;;) {
    const std::size_t length = next_cut(all);
    if (length == 0) return {};
    TRY(save_first(length));
  }
}

Result<void> FileWriter::save_first(std::size_t size) {
  Bytes chunk;
  if (size == buffer_.size()) {
    chunk = std::exchange(buffer_, {});
  } else {
    chunk.assign(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(size));
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(size));
  }
  Chunk* place = nullptr;
  {
    const std::lock_guard lock(mutex_);
    place = &chunks_.emplace_back(Chunk{begin_, size, {}});
    ++open_;
  }
  begin_ += size;
  return blobs_.save(BlobType::data, std::move(chunk), [this, place](const Id& id) {
    const std::lock_guard lock(mutex_);
    place->id = id;
    if (--open_ == 0) saved_.notify_all();
  });
}

Result<FileContent> FileWriter::finish() {
  TRY(cut(true));
  std::unique_lock lock(mutex_);
  saved_.wait(lock, blobs_.failure().token(), [&] { return open_ == 0; });
  TRY(blobs_.failure().result());

  std::sort(chunks_.begin(), chunks_.end(),
            [](const Chunk& a, const Chunk& b) { return a.offset < b.offset; });
  FileContent content;
  content.chunks.reserve(chunks_.size());
  for (const Chunk& chunk : chunks_) {
    if (chunk.offset != content.size) {
      return fail(Errc::internal, "bytes {} to {} of a file {}", std::min(content.size, chunk.offset),
                  std::max(content.size, chunk.offset),
                  chunk.offset > content.size ? "are missing" : "came twice");
    }
    content.size += chunk.size;
    content.chunks.push_back(chunk.id);
  }
  return content;
}

}  // namespace stillpoint::repository

// SPDX-License-Identifier: Apache-2.0
#include "repository/file_writer.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace stillpoint::repository {

FileWriter::FileWriter(BlobWriter& blobs, const ChunkSizes& sizes)
    : blobs_(blobs), sizes_(sizes), block_bytes_(0) {}

FileWriter::FileWriter(BlobWriter& blobs, std::size_t block_bytes)
    : blobs_(blobs), block_bytes_(block_bytes) {}

Result<void> FileWriter::write(std::uint64_t offset, ByteView bytes) {
  if (offset != begin_ + buffer_.size() - cut_) {
    TRY(flush());
    begin_ = offset;
  }
  if (block_bytes_ == 0) {
    base::append(buffer_, bytes);
    return cut_stream(false);
  }
  while (!bytes.empty()) TRY(write_block(bytes));
  return {};
}

// Takes from `bytes` what belongs to the current block, and saves the block when it is whole.
Result<void> FileWriter::write_block(ByteView& bytes) {
  const std::size_t whole = block_bytes_ - begin_ % block_bytes_;
  if (buffer_.capacity() < whole) buffer_.reserve(whole);
  const std::size_t taken = std::min(whole - buffer_.size(), bytes.size());
  base::append(buffer_, bytes.first(taken));
  bytes = bytes.subspan(taken);
  return buffer_.size() == whole ? save(std::exchange(buffer_, {})) : Result<void>();
}

Result<void> FileWriter::cut_stream(bool all) {
  // Looking again at each small piece would hash the same bytes over and over.
  ByteView rest = ByteView(buffer_).subspan(cut_);
  while (rest.size() >= sizes_.most || (all && !rest.empty())) {
    std::size_t length = find_cut(rest, sizes_);
    if (length == 0) length = rest.size();
    TRY(save(base::copy_of(rest.first(length))));
    cut_ += length;
    rest = rest.subspan(length);
  }
  // What is left moves to the front only when that is the smaller part.
  if (cut_ <= buffer_.size() / 2) return {};
  std::memmove(buffer_.data(), rest.data(), rest.size());
  buffer_.resize(rest.size());
  cut_ = 0;
  return {};
}

Result<void> FileWriter::flush() {
  if (block_bytes_ == 0) return cut_stream(true);
  return buffer_.empty() ? Result<void>() : save(std::exchange(buffer_, {}));
}

Result<void> FileWriter::save(Bytes bytes) {
  Chunk* place = nullptr;
  {
    const std::lock_guard lock(saving_->mutex);
    place = &saving_->chunks.emplace_back(Chunk{begin_, bytes.size(), {}});
    ++saving_->open;
  }
  begin_ += bytes.size();
  return blobs_.save(BlobType::data, std::move(bytes), [saving = saving_, place](const Id& id) {
    const std::lock_guard lock(saving->mutex);
    place->id = id;
    if (--saving->open == 0) saving->all_saved.notify_all();
  });
}

Result<FileContent> FileWriter::finish() {
  TRY(flush());
  std::unique_lock lock(saving_->mutex);
  saving_->all_saved.wait(lock, blobs_.failure().token(), [&] { return saving_->open == 0; });
  TRY(blobs_.failure().result());

  auto& chunks = saving_->chunks;
  std::sort(chunks.begin(), chunks.end(),
            [](const Chunk& a, const Chunk& b) { return a.offset < b.offset; });
  FileContent content;
  content.chunks.reserve(chunks.size());
  for (const Chunk& chunk : chunks) {
    if (chunk.offset != content.size) {
      return fail(Errc::internal, "bytes {} to {} of a file {}",
                  std::min(content.size, chunk.offset), std::max(content.size, chunk.offset),
                  chunk.offset > content.size ? "are missing" : "came twice");
    }
    content.size += chunk.size;
    content.chunks.push_back(chunk.id);
  }
  return content;
}

}  // namespace stillpoint::repository

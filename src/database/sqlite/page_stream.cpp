// SPDX-License-Identifier: Apache-2.0
#include "database/sqlite/page_stream.h"

#include <cstring>
#include <iterator>
#include <utility>

#include "base/limits.h"

namespace stillpoint::database::sqlite {
namespace {

constexpr std::size_t piece_bytes = 256 * limits::KiB;
constexpr std::size_t cookie_offset = 40;  // in page 1, big-endian

}  // namespace

PageStream::PageStream(std::uint32_t page_bytes, std::uint64_t pages, Sink& sink)
    : page_bytes_(page_bytes), total_(pages * page_bytes), sink_(sink), piece_(piece_bytes) {}

Result<void> PageStream::write(std::uint64_t offset, ByteView page) {
  if (page.size() != page_bytes_ || offset % page_bytes_ != 0 || offset >= total_) {
    return fail(Errc::internal,
                "SQLite wrote {} bytes at {} of a copy with {} bytes in pages of {}", page.size(),
                offset, total_, page_bytes_);
  }
  if (offset == 0) {
    first_page_ = base::copy_of(page);
    return {};
  }
  if (!claim(offset)) return fail(Errc::internal, "SQLite wrote the page at {} twice", offset);
  if (offset != piece_offset_ + piece_used_ || piece_used_ + page.size() > piece_.size()) {
    TRY(flush());
    piece_offset_ = offset;
  }
  std::memcpy(piece_.data() + piece_used_, page.data(), page.size());
  piece_used_ += page.size();
  return {};
}

Result<void> PageStream::finish(std::uint32_t schema_cookie) {
  TRY(flush());
  if (total_ > lock_byte && claim(lock_byte)) {
    TRY(sink_.write(lock_byte, Bytes(page_bytes_, Byte{0})));
  }
  const bool whole = first_page_.size() == page_bytes_ && claim(0) && written_.size() == 1 &&
                     written_.begin()->second == total_;
  if (!whole) return fail(Errc::internal, "SQLite left out pages of the copy");
  for (std::size_t i = 0; i < 4; ++i) {
    first_page_[cookie_offset + i] = static_cast<Byte>(schema_cookie >> (24 - 8 * i));
  }
  return sink_.write(0, first_page_);
}

bool PageStream::claim(std::uint64_t begin) {
  const std::uint64_t end = begin + page_bytes_;
  const auto next = written_.lower_bound(begin);
  if (next != written_.end() && next->first < end) return false;
  const bool touches_next = next != written_.end() && next->first == end;
  const std::uint64_t joined_end = touches_next ? next->second : end;
  const auto before = next == written_.begin() ? written_.end() : std::prev(next);
  if (before != written_.end() && before->second > begin) return false;
  if (touches_next) written_.erase(next);
  if (before != written_.end() && before->second == begin) {
    before->second = joined_end;
  } else {
    written_[begin] = joined_end;
  }
  return true;
}

Result<void> PageStream::flush() {
  const std::size_t size = std::exchange(piece_used_, 0);
  if (size == 0) return {};
  return sink_.write(piece_offset_, ByteView(piece_).first(size));
}

}  // namespace stillpoint::database::sqlite

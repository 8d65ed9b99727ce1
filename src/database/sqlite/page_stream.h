// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>

#include "base/bytes.h"
#include "base/result.h"
#include "database/database.h"

namespace stillpoint::database::sqlite {

// Where SQLite's locks live: the page at this offset is never used, and never copied.
inline constexpr std::uint64_t lock_byte = 0x40000000;

// Takes the pages of one database file as SQLite writes them and hands them to a sink in larger
// pieces, every byte once. Page 1 is written last and perhaps repeatedly: it waits for finish().
class PageStream {
 public:
  PageStream(std::uint32_t page_bytes, std::uint64_t pages, Sink& sink);
  Result<void> write(std::uint64_t offset, ByteView page);
  // `schema_cookie` goes into page 1: the copy has one of its own there.
  Result<void> finish(std::uint32_t schema_cookie);

 private:
  bool claim(std::uint64_t begin);
  Result<void> flush();

  std::uint32_t page_bytes_;
  std::uint64_t total_;
  Sink& sink_;
  std::map<std::uint64_t, std::uint64_t> written_;  // begin to end; pages come nearly in order
  Bytes first_page_;
  Bytes piece_;
  std::size_t piece_used_ = 0;
  std::uint64_t piece_offset_ = 0;
};

}  // namespace stillpoint::database::sqlite

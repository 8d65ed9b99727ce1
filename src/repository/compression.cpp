// SPDX-License-Identifier: Apache-2.0
#include "repository/compression.h"

#include <memory>

#include <zstd.h>

namespace stillpoint::repository {
namespace {

struct Free {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

ZSTD_CCtx* compressor() {
  thread_local const std::unique_ptr<ZSTD_CCtx, Free> context(ZSTD_createCCtx());
  return context.get();
}

ZSTD_DCtx* decompressor() {
  thread_local const std::unique_ptr<ZSTD_DCtx, Free> context(ZSTD_createDCtx());
  return context.get();
}

int level_of(Compression mode) {
  return mode == Compression::max ? 12 : 1;
}

}  // namespace

Result<Compression> compression_named(std::string_view name) {
  if (name == "off") return Compression::off;
  if (name == "auto") return Compression::automatic;
  if (name == "max") return Compression::max;
  return fail(Errc::invalid, "'{}' is not a compression: off, auto or max", name);
}

Bytes compress(ByteView plain, Compression mode) {
  Bytes packed(ZSTD_compressBound(plain.size()));
  const std::size_t size = ZSTD_compressCCtx(compressor(), packed.data(), packed.size(),
                                             plain.data(), plain.size(), level_of(mode));
  packed.resize(ZSTD_isError(size) ? 0 : size);
  return packed;
}

Result<Bytes> decompress(ByteView packed, std::size_t plain_bytes) {
  Bytes plain(plain_bytes);
  const std::size_t size =
      ZSTD_decompressDCtx(decompressor(), plain.data(), plain.size(), packed.data(), packed.size());
  if (ZSTD_isError(size)) return fail(Errc::corrupt, "decompress: {}", ZSTD_getErrorName(size));
  if (size != plain_bytes) {
    return fail(Errc::corrupt, "decompress: {} bytes instead of {}", size, plain_bytes);
  }
  return plain;
}

Result<Bytes> decompress_stream(ByteView packed, std::size_t plain_bytes_max) {
  ZSTD_DCtx* const context = decompressor();
  ZSTD_DCtx_reset(context, ZSTD_reset_session_only);
  ZSTD_inBuffer in = {packed.data(), packed.size(), 0};
  Bytes plain;
  std::size_t left = 1;
  while (in.pos < in.size || left != 0) {
    const std::size_t before = plain.size();
    plain.resize(before + ZSTD_DStreamOutSize());
    ZSTD_outBuffer out = {plain.data() + before, plain.size() - before, 0};
    left = ZSTD_decompressStream(context, &out, &in);
    plain.resize(before + out.pos);
    if (ZSTD_isError(left)) return fail(Errc::corrupt, "decompress: {}", ZSTD_getErrorName(left));
    if (plain.size() > plain_bytes_max) return fail(Errc::corrupt, "decompress: too large");
    if (out.pos == 0 && in.pos == in.size && left != 0) {
      return fail(Errc::corrupt, "decompress: the end is missing");
    }
  }
  return plain;
}

}  // namespace stillpoint::repository

// SPDX-License-Identifier: Apache-2.0
#include "repository/pack_pieces.h"

#include "base/limits.h"

namespace stillpoint::repository {
namespace {

constexpr std::uint64_t piece_bytes = 4 * limits::MiB;
constexpr std::uint64_t gap_bytes = 256 * limits::KiB;  // read over: cheaper than another request

std::uint64_t end_of(const PackedBlob& blob) {
  return std::uint64_t{blob.offset} + blob.length;
}

}  // namespace

std::vector<PackPiece> pieces_of(const Id& pack, const std::vector<PackedBlob>& blobs) {
  std::vector<PackPiece> pieces;
  for (const PackedBlob& blob : blobs) {
    const bool fits = !pieces.empty() &&
                      blob.offset <= end_of(pieces.back().blobs.back()) + gap_bytes &&
                      end_of(blob) - pieces.back().blobs.front().offset <= piece_bytes;
    if (!fits) pieces.push_back({pack, {}});
    pieces.back().blobs.push_back(blob);
  }
  return pieces;
}

Result<std::vector<SealedBlob>> read_piece(const Repository& repository, const PackPiece& piece) {
  const std::uint64_t begin = piece.blobs.front().offset;
  const std::string name = name_of_file(FileKind::pack, piece.pack);
  const storage::ByteRange range{begin, end_of(piece.blobs.back()) - begin};
  const Bytes bytes = TRY_DURING("read " + name, repository.backend().get(name, range));
  std::vector<SealedBlob> read;
  for (const PackedBlob& blob : piece.blobs) {
    if (blob.offset < begin || end_of(blob) - begin > bytes.size()) {
      return fail(Errc::corrupt, "{}: its index entries overlap", name);
    }
    const ByteView sealed = ByteView(bytes).subspan(blob.offset - begin, blob.length);
    TRY_DURING("blob " + blob.id.brief() + " in " + name,
               open_blob(repository.key(), blob, sealed));
    read.push_back({blob, base::copy_of(sealed)});
  }
  return read;
}

}  // namespace stillpoint::repository

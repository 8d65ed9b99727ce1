// SPDX-License-Identifier: Apache-2.0
#include "repository/pack_pieces.h"

#include <optional>
#include <utility>

#include "base/limits.h"
#include "pipeline/ordered.h"
#include "storage/range.h"

namespace stillpoint::repository {
namespace {

constexpr std::uint64_t piece_bytes = 4 * limits::MiB;
constexpr std::uint64_t gap_bytes = 256 * limits::KiB;  // read over: cheaper than another request
constexpr std::size_t readers = 2;

std::uint64_t end_of(const PackedBlob& blob) {
  return std::uint64_t{blob.offset} + blob.length;
}

std::vector<PackPiece> marked_pieces(const Index& index, std::uint32_t pack,
                                     const EntryBits& marked) {
  std::vector<PackedBlob> blobs;
  for (const PackedBlob& blob : index.blobs_of(pack)) {
    // Marked, and this copy of it: by now another may have taken its place.
    const auto entry = index.entry_of(blob.type, blob.id);
    if (entry && marked.test(*entry) && index.pack_of(*entry) == pack) blobs.push_back(blob);
  }
  return pieces_of(index.pack_id(pack), blobs);
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
  const Bytes bytes = TRY_DURING("read " + name, get_exactly(repository.backend(), name, range));
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

Result<void> read_marked(Repository& repository, const std::vector<std::uint32_t>& packs,
                         const EntryBits& marked, const BlobSink& sink,
                         const std::stop_token& stop) {
  std::size_t next_pack = 0;
  std::vector<PackPiece> pieces;
  std::size_t next_piece = 0;
  const auto source = [&]() -> Result<std::optional<PackPiece>> {
    while (next_piece == pieces.size()) {
      if (next_pack == packs.size()) return std::nullopt;
      pieces = marked_pieces(repository.index(), packs[next_pack++], marked);
      next_piece = 0;
    }
    return std::optional<PackPiece>(std::move(pieces[next_piece++]));
  };
  const auto hand_over = [&](std::vector<SealedBlob> read) -> Result<void> {
    for (const SealedBlob& blob : read) TRY(sink(blob));
    return {};
  };
  return pipeline::run_ordered<PackPiece, std::vector<SealedBlob>>(
      {readers, readers + 2}, stop, source,
      [&](PackPiece piece) { return read_piece(repository, piece); }, hand_over);
}

}  // namespace stillpoint::repository

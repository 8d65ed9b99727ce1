// SPDX-License-Identifier: Apache-2.0
#include "repository/pack_check.h"

#include <algorithm>
#include <span>

#include "base/limits.h"
#include "repository/pack.h"
#include "storage/range.h"

namespace stillpoint::repository {
namespace {

constexpr std::uint64_t piece_bytes = 2 * limits::MiB;

std::uint64_t end_of(const PackedBlob& blob) {
  return std::uint64_t{blob.offset} + blob.length;
}

class PackChecker {
 public:
  PackChecker(const Repository& repository, const IndexedPack& pack, std::uint64_t pack_bytes,
              std::atomic<std::uint64_t>& bytes_done, const std::stop_token& stop)
      : repository_(repository),
        pack_(pack),
        name_(name_of_file(FileKind::pack, pack.id)),
        pack_bytes_(pack_bytes),
        bytes_done_(bytes_done),
        stop_(stop) {}

  Result<std::vector<std::string>> run() {
    TRY(keep(check_header()));
    const std::vector<PackedBlob>& blobs = pack_.blobs;
    for (std::size_t first = 0; first < blobs.size();) {
      std::size_t end = first + 1;
      while (end < blobs.size() && end_of(blobs[end]) - blobs[first].offset <= piece_bytes) ++end;
      TRY(keep(check_blobs(std::span(blobs).subspan(first, end - first))));
      first = end;
    }
    return std::move(found_);
  }

 private:
  Result<void> keep(const Result<void>& result) {
    if (result) return {};
    const Errc code = result.error().code;
    if (code == Errc::unavailable || code == Errc::cancelled) return fail(Error(result.error()));
    found_.push_back(result.error().message);
    return {};
  }

  // Blobs that lie one after another, read in one piece that stays in the processor's cache.
  Result<void> check_blobs(std::span<const PackedBlob> blobs) {
    if (stop_.stop_requested()) return fail(Errc::cancelled, "interrupted");
    const std::uint64_t begin = blobs.front().offset;
    std::uint64_t end = begin;  // of all: in a wrong index one may reach beyond the next
    for (const PackedBlob& blob : blobs) end = std::max(end, end_of(blob));
    const std::uint64_t size = end - begin;
    const Bytes piece = TRY(get_exactly(repository_.backend(), name_, {begin, size}));
    bytes_done_ += size;
    for (const PackedBlob& blob : blobs) {
      const auto sealed = ByteView(piece).subspan(blob.offset - begin, blob.length);
      if (const auto plain = open_blob(repository_.key(), blob, sealed); !plain) {
        found_.push_back("blob " + blob.id.brief() + ": " + plain.error().message);
      }
    }
    return {};
  }

  // The pack's own header must say what the index says: it is what an index is rebuilt from.
  Result<void> check_header() {
    if (pack_bytes_ < seal_overhead + pack_trailer_bytes) return fail(Errc::corrupt, "too short");
    storage::Backend& backend = repository_.backend();
    const Bytes trailer =
        TRY(get_exactly(backend, name_, {pack_bytes_ - pack_trailer_bytes, pack_trailer_bytes}));
    const std::size_t size = TRY(pack_header_bytes(trailer, pack_bytes_));
    const Bytes tail = TRY(get_exactly(backend, name_, {pack_bytes_ - size, size}));
    bytes_done_ += size;
    const auto blobs = TRY(decode_pack_header(repository_.key(), tail, pack_bytes_));
    if (!same_blobs(blobs, pack_.blobs)) {
      return fail(Errc::corrupt, "its header differs from the index");
    }
    return {};
  }

  const Repository& repository_;
  const IndexedPack& pack_;
  const std::string name_;
  const std::uint64_t pack_bytes_;
  std::atomic<std::uint64_t>& bytes_done_;
  const std::stop_token& stop_;
  std::vector<std::string> found_;
};

}  // namespace

bool same_blobs(const std::vector<PackedBlob>& one, const std::vector<PackedBlob>& other) {
  return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                    [](const PackedBlob& a, const PackedBlob& b) {
                      return a.id == b.id && a.type == b.type && a.offset == b.offset &&
                             a.length == b.length && a.plain_bytes == b.plain_bytes;
                    });
}

Result<std::vector<std::string>> check_pack(const Repository& repository, const IndexedPack& pack,
                                            std::uint64_t pack_bytes,
                                            std::atomic<std::uint64_t>& bytes_done,
                                            const std::stop_token& stop) {
  return PackChecker(repository, pack, pack_bytes, bytes_done, stop).run();
}

}  // namespace stillpoint::repository

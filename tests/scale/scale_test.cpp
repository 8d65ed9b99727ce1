// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "repository/index_file.h"
#include "repository/testing.h"
#include "storage/decorators/decorator.h"
#include "storage/memory/memory_backend.h"
#include "tests/scale/memory_use.h"

namespace stillpoint::scale {
namespace {

using limits::GiB;
using limits::MiB;
using namespace repository;  // NOLINT(google-build-using-namespace)

// Keeps everything but packs.
class Discarding : public storage::Decorator {
 public:
  using Decorator::Decorator;
  Result<void> put(std::string_view name, ByteView bytes, storage::PutMode mode) override {
    if (name.rfind("data/", 0) == 0) return {};
    return Decorator::put(name, bytes, mode);
  }
};

// Half random, half easily compressed; no mebibyte like another.
void fill_piece(Bytes& piece, std::uint64_t number) {
  base::Random(number).fill(std::span(piece).first(piece.size() / 2));
  for (std::size_t at = piece.size() / 2; at < piece.size(); ++at) {
    piece[at] = static_cast<Byte>((at ^ number) >> 6);
  }
}

TEST(Scale, ABackupOfAnySizeStaysBelow300MiB) {
  if (sanitized) GTEST_SKIP() << "a sanitizer's memory is its own";
  base::keep_freed_memory();
  const std::uint64_t total = full() ? 50 * GiB : 2 * GiB;
  const auto repository =
      init_test_repository(std::make_unique<Discarding>(storage::make_memory()));
  auto writer = BackupWriter::begin(*repository, {}, {}).value();
  forget_peak();
  FileWriter file(writer->blobs(), stream_chunk_sizes(total));
  Bytes piece(MiB);
  for (std::uint64_t number = 0; number < total / MiB; ++number) {
    fill_piece(piece, number);
    ASSERT_TRUE(file.write(number * MiB, piece));
  }
  ASSERT_TRUE(writer->add_file("f", file.finish().value()));
  const Record record = writer->finish(test_record()).value();
  EXPECT_GE(record.bytes_added, total / 2);
  const std::uint64_t peak = status_bytes("VmHWM");
  std::printf("%s read, %s stored, peak %s resident\n", base::display_bytes(total).c_str(),
              base::display_bytes(record.bytes_added).c_str(), base::display_bytes(peak).c_str());
  EXPECT_LT(peak, 300 * MiB);
}

TEST(Scale, TwoMillionBlobsAreReadFromIndexFilesInto128MiB) {
  if (sanitized) GTEST_SKIP() << "a sanitizer's memory is its own";
  const std::string name = "memory:scale-" + base::random_token();
  {
    const auto repository = init_test_repository(*storage::open(name));
    for (std::uint64_t number = 0; number < 40; ++number) {
      std::vector<IndexedPack> packs(50);
      for (std::uint64_t p = 0; p < packs.size(); ++p) {
        base::Random random(number * 1000 + p);
        random.fill(packs[p].id.bytes);
        packs[p].blobs.resize(1000);
        for (PackedBlob& blob : packs[p].blobs) {
          random.fill(blob.id.bytes);
          blob.length = 32'000;
        }
      }
      ASSERT_TRUE(repository->save_file(FileKind::index, encode_index_file(packs)));
    }
  }
  const auto repository = open_test_repository(*storage::open(name));
  const auto in_use = [] { return ::mallinfo2().uordblks + ::mallinfo2().hblkhd; };
  const std::size_t before = in_use();
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(repository->load_index({}));
  const std::size_t used = in_use() - before;
  EXPECT_EQ(repository->index().blob_count(), 2'000'000U);
  std::printf("2,000,000 blobs: %s in memory, read in %s\n", base::display_bytes(used).c_str(),
              base::display_duration(std::chrono::steady_clock::now() - begin).c_str());
  EXPECT_LE(used, 128 * MiB);
}

}  // namespace
}  // namespace stillpoint::scale

// SPDX-License-Identifier: Apache-2.0
// Prune on an index of millions of blobs. Its packs of chunks are pretended: nothing reads them.
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <malloc.h>

#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "repository/index_file.h"
#include "repository/pack.h"
#include "repository/prune/prune.h"
#include "repository/testing.h"
#include "storage/decorators/decorator.h"

namespace stillpoint::repository {
namespace {

using limits::MiB;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

constexpr std::uint64_t blobs_a_pack = 1000;
constexpr std::uint64_t packs_a_file = 50;
constexpr std::uint64_t chunks_a_folder = 64'000;

std::uint64_t resident(const char* line_name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    const std::string name = std::string(line_name) + ":";
    if (line.starts_with(name)) return std::stoull(line.substr(name.size())) * 1024;
  }
  return 0;
}

Id id_of(std::uint64_t number) {
  Id id;
  base::Random(number).fill(id.bytes);
  return id;
}
Id pack_id(std::uint64_t pack) {
  return id_of((1ULL << 40) + pack);
}

IndexedPack pretended_pack(std::uint64_t pack) {
  IndexedPack made{pack_id(pack), std::vector<PackedBlob>(blobs_a_pack)};
  for (std::uint32_t i = 0; i < blobs_a_pack; ++i) {
    made.blobs[i] = {id_of(pack * blobs_a_pack + i), BlobType::data, i * 32'000, 32'000, 0};
  }
  return made;
}

// Lists the packs of chunks as if they were there.
class Pretending : public storage::Decorator {
 public:
  Pretending(std::unique_ptr<Backend> inner, std::uint64_t packs)
      : Decorator(std::move(inner)), packs_(packs), bytes_(packed_bytes(pretended_pack(0).blobs)) {}
  Result<void> list(std::string_view prefix, const storage::Visit& visit) override {
    if (prefix == "data/") {
      for (std::uint64_t pack = 0; pack < packs_; ++pack) {
        TRY(visit({name_of_file(FileKind::pack, pack_id(pack)), bytes_}));
      }
    }
    return Decorator::list(prefix, visit);
  }

 private:
  std::uint64_t packs_;
  std::uint64_t bytes_;
};

class PruneScale : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("prune-scale-" + base::random_token());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<storage::Backend> backend(std::uint64_t packs) const {
    return std::make_unique<Pretending>(*storage::open(folder_.string()), packs);
  }

  // A backup that needs every second pack.
  void make(std::uint64_t packs) {
    const auto repository = init_test_repository(backend(packs));
    std::vector<IndexedPack> file;
    for (std::uint64_t pack = 0; pack < packs; ++pack) {
      file.push_back(pretended_pack(pack));
      if (file.size() < packs_a_file && pack + 1 < packs) continue;
      ASSERT_TRUE(repository->save_file(FileKind::index, encode_index_file(file)));
      file.clear();
    }
    PackBuilder trees(64 * MiB);
    const auto add = [&](const std::vector<Node>& nodes) {
      const std::string text = encode_tree(nodes);
      const Id id = base::sha256(base::view_of(text));
      trees.add(BlobType::tree, id, seal(repository->key(), base::view_of(text)), 0);
      return id;
    };
    std::vector<Node> root;
    std::uint64_t chunk = 0;
    while (chunk < packs * blobs_a_pack) {
      Node part;
      part.name = "part";
      while (part.content.size() < chunks_a_folder && chunk < packs * blobs_a_pack) {
        part.content.push_back(id_of(chunk));
        if (++chunk % blobs_a_pack == 0) chunk += blobs_a_pack;
      }
      part.size = part.content.size() * (32'000 - seal_overhead);
      root.push_back({fmt::format("{:06}", root.size()), NodeType::folder, 0, {}, add({part})});
    }
    Record record = test_record();
    record.tree = add(root);
    const PackBuilder::Pack pack = trees.finish(repository->key());
    const Id id = base::sha256(pack.bytes);
    ASSERT_TRUE(repository->backend().put(name_of_file(FileKind::pack, id), pack.bytes,
                                          storage::PutMode::create_only));
    ASSERT_TRUE(repository->save_file(FileKind::index, encode_index_file({{id, pack.blobs}})));
    ASSERT_TRUE(repository->save_file(FileKind::record, encode_record(record)));
  }

  struct Cost {
    std::uint64_t bytes = 0;
    double seconds = 0;
  };
  Cost prune_once(std::uint64_t packs) {
    make(packs);
    const auto repository = open_test_repository(backend(packs));
    ::malloc_trim(0);
    std::ofstream("/proc/self/clear_refs") << "5";
    const std::uint64_t before = resident("VmRSS");
    const std::clock_t begin = std::clock();  // of the processor: others may keep it busy
    std::atomic<std::uint64_t> total = 0;
    std::atomic<std::uint64_t> done = 0;
    const auto report = prune(*repository, {}, {total, done}, {});
    const double took = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
    EXPECT_TRUE(report) << report.error().message;
    if (report) {
      EXPECT_EQ(report->retired.packs, packs / 2);
      EXPECT_EQ(report->blobs_unused, packs / 2 * blobs_a_pack);
    }
    const auto again = open_test_repository(backend(packs));
    EXPECT_TRUE(again->load_index({}));
    EXPECT_EQ(again->index().pack_count(), (packs + 1) / 2 + 1);
    const Cost cost{resident("VmHWM") - before, took};
    std::printf("%llu blobs: %s, %.1f s\n", static_cast<unsigned long long>(packs * blobs_a_pack),
                base::display_bytes(cost.bytes).c_str(), cost.seconds);
    std::filesystem::remove_all(folder_);
    return cost;
  }

  std::filesystem::path folder_;
};

TEST_F(PruneScale, TakesTimeInProportionAnd64BytesABlobBeside200MiB) {
  if (sanitized) GTEST_SKIP() << "a sanitizer's memory is its own";
  base::keep_freed_memory();
  const std::uint64_t packs = std::getenv("STILLPOINT_FULL") != nullptr ? 10'000 : 400;
  const Cost small = prune_once(packs / 4);
  const Cost large = prune_once(packs);
  EXPECT_LE(large.bytes, 200 * MiB + 64 * packs * blobs_a_pack);
  // Four times as much: sixteen times as long if it were the square.
  EXPECT_LT(large.seconds, 9 * small.seconds);
}

}  // namespace
}  // namespace stillpoint::repository

// SPDX-License-Identifier: Apache-2.0
// What sizes of chunks cost (index, folders, memory) and save (bytes that are stored again after a
// change), for docs/decisions/0003-chunking.md.
//
//   chunk_sizes [MiB of the table, 256] [rows changed, 0.02]
#include <cstdio>
#include <cstdlib>
#include <unordered_set>

#include "base/limits.h"
#include "base/sha256.h"
#include "bench/chunks/changes.h"
#include "repository/chunker.h"
#include "repository/compression.h"
#include "repository/index_file.h"
#include "repository/tree.h"

namespace {

using namespace stillpoint;         // NOLINT(google-build-using-namespace): a program
using namespace stillpoint::bench;  // NOLINT(google-build-using-namespace)
using limits::KiB;
using limits::MiB;

constexpr double tera = 1e12;

struct Layout {
  const char* name;
  Table (*make)(std::uint64_t, Change, double);
  bool pages;
};

std::vector<base::ByteView> cut(base::ByteView bytes, std::size_t size, bool pages) {
  std::vector<base::ByteView> chunks;
  while (!bytes.empty()) {
    std::size_t length = size;
    if (!pages) {
      length = repository::find_cut(bytes,
                                    {size / 4, size, std::min(size * 4, limits::chunk_bytes_max)});
      if (length == 0) length = bytes.size();
    }
    length = std::min(length, bytes.size());
    chunks.push_back(bytes.first(length));
    bytes = bytes.subspan(length);
  }
  return chunks;
}

std::size_t packed_bytes(base::ByteView plain) {
  return repository::compress(plain, repository::Compression::automatic).size();
}

struct Costs {
  double chunks = 0;
  double index_bytes = 0;
  double tree_bytes = 0;
};

// Of a file of these chunks, as they are stored.
Costs costs_of(const std::vector<base::ByteView>& chunks) {
  repository::IndexedPack pack;
  repository::Node node;
  node.name = "0000";
  for (const base::ByteView chunk : chunks) {
    const Id id = base::sha256(chunk);
    node.content.push_back(id);
    pack.blobs.push_back(
        {id, repository::BlobType::data, static_cast<std::uint32_t>(pack.blobs.size() * 300'000),
         static_cast<std::uint32_t>(chunk.size() / 2), static_cast<std::uint32_t>(chunk.size())});
  }
  Costs costs;
  costs.chunks = static_cast<double>(chunks.size());
  const std::string index = repository::encode_index_file({pack});
  const std::string tree = repository::encode_tree({node});
  costs.index_bytes = static_cast<double>(packed_bytes(base::view_of(index)));
  costs.tree_bytes = static_cast<double>(packed_bytes(base::view_of(tree)));
  return costs;
}

void measure(const Layout& layout, std::uint64_t bytes, double part) {
  const Table before = layout.make(bytes, Change::none, 0);
  std::vector<Table> after;
  for (const Change change : all_changes) after.push_back(layout.make(bytes, change, part));
  const auto total = static_cast<double>(before.bytes.size());
  std::printf("\n%s, %.0f MiB, %.2g %% of the rows changed\n\n", layout.name, total / MiB,
              100 * part);
  std::printf("| size | chunks a TB | index a TB | folders a TB | memory a TB | first backup |");
  for (const Change change : all_changes) std::printf(" %s |", name_of(change).c_str());
  std::printf("\n|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n");
  for (std::size_t size = 16 * KiB; size <= 4 * MiB; size *= 2) {
    const auto chunks = cut(before.bytes, size, layout.pages);
    const Costs costs = costs_of(chunks);
    const double scale = tera / total;
    std::unordered_set<Id> known;
    double first = 0;
    for (const base::ByteView chunk : chunks) {
      if (known.insert(base::sha256(chunk)).second)
        first += static_cast<double>(packed_bytes(chunk));
    }
    std::printf("| %zu KiB | %.1f M | %.0f MB | %.0f MB | %.0f MB | %.3f |", size / KiB,
                costs.chunks * scale / 1e6, costs.index_bytes * scale / 1e6,
                costs.tree_bytes * scale / 1e6, costs.chunks * scale * 56 / 1e6, first / total);
    for (const Table& table : after) {
      double again = 0;
      for (const base::ByteView chunk : cut(table.bytes, size, layout.pages)) {
        if (!known.contains(base::sha256(chunk))) again += static_cast<double>(packed_bytes(chunk));
      }
      std::printf(" %.1f |", again / static_cast<double>(packed_bytes(table.changed)));
    }
    std::printf("\n");
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t bytes = (argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 256) * MiB;
  const double part = argc > 2 ? std::strtod(argv[2], nullptr) : 0.02;
  measure({"rows in a stream, cut by content", make_rows, false}, bytes, part);
  measure({"pages of a file, cut at multiples", make_pages, true}, bytes, part);
  return 0;
}

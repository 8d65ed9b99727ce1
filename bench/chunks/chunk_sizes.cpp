// SPDX-License-Identifier: Apache-2.0
// What sizes of chunks cost (index, folders, memory) and save (bytes that are stored again after a
// change), for docs/decisions/0017-blocks-of-pages.md.
//
//   chunk_sizes [MiB of the table, 256] [rows changed, 0.02]
//   chunk_sizes FILE CHANGED...     files of pages, at least one change
#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <unordered_set>

#include <fmt/format.h>

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

// What a backup stores of chunks that are not known yet, in bytes; they are known afterwards.
double store(const std::vector<base::ByteView>& chunks, std::unordered_set<Id>& known) {
  double stored = 0;
  for (const base::ByteView chunk : chunks) {
    if (known.insert(base::sha256(chunk)).second)
      stored += static_cast<double>(packed_bytes(chunk));
  }
  return stored;
}

void print_sizes(const Table& before, const std::vector<Table>& after, bool pages) {
  const auto total = static_cast<double>(before.bytes.size());
  const auto whole = static_cast<double>(packed_bytes(before.bytes));
  for (std::size_t size = 4 * KiB; size <= 4 * MiB; size *= 2) {
    const auto chunks = cut(before.bytes, size, pages);
    const Costs costs = costs_of(chunks);
    const double scale = tera / total;
    std::unordered_set<Id> known;
    const std::clock_t begin = std::clock();
    const double first = store(chunks, known);
    const double cpu = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
    std::printf("| %zu KiB | %.1f M | %.0f MB | %.0f MB | %.0f MB | %.1f s | %.3f |", size / KiB,
                costs.chunks * scale / 1e6, costs.index_bytes * scale / 1e6,
                costs.tree_bytes * scale / 1e6, costs.chunks * scale * 56 / 1e6, cpu / total * 1e9,
                first / whole);
    for (const Table& table : after) {
      std::unordered_set<Id> each = known;
      const double again = store(cut(table.bytes, size, pages), each);
      std::printf(" %.1f |", again / static_cast<double>(packed_bytes(table.changed)));
    }
    std::printf("\n");
    std::fflush(stdout);
  }
}

void print_head(const std::vector<std::string>& changes) {
  std::printf(
      "| size | chunks a TB | index a TB | folders a TB | memory a TB | CPU a GB | "
      "first backup |");
  for (const std::string& change : changes) std::printf(" %s |", change.c_str());
  std::printf("\n|---:|---:|---:|---:|---:|---:|---:|");
  for (std::size_t i = 0; i < changes.size(); ++i) std::printf("---:|");
  std::printf("\n");
}

void measure(const Layout& layout, std::uint64_t bytes, double part) {
  const Table before = layout.make(bytes, Change::none, 0);
  std::vector<Table> after;
  std::vector<std::string> names;
  for (const Change change : all_changes) {
    after.push_back(layout.make(bytes, change, part));
    names.push_back(name_of(change));
  }
  std::printf("\n%s, %.0f MiB, %.2g %% of the rows changed\n\n", layout.name,
              static_cast<double>(before.bytes.size()) / MiB, 100 * part);
  print_head(names);
  print_sizes(before, after, layout.pages);
}

// Files of 4 KiB pages, as they were and as they became.
int measure_files(int count, char** paths) {
  const Table before{read_file(paths[0]), {}};
  std::vector<Table> after;
  std::vector<std::string> names;
  for (int i = 1; i < count; ++i) {
    after.push_back(changed_pages(before.bytes, read_file(paths[i])));
    names.emplace_back(fmt::format("{} ({} pages)", paths[i], after.back().changed.size() / 4096));
  }
  if (before.bytes.empty() ||
      std::ranges::any_of(after, [](const Table& table) { return table.changed.empty(); })) {
    std::fprintf(stderr, "chunk_sizes: a file is missing, empty or unchanged\n");
    return 1;
  }
  print_head(names);
  print_sizes(before, after, true);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 2 && std::isdigit(static_cast<unsigned char>(argv[1][0])) == 0)
    return measure_files(argc - 1, argv + 1);
  const std::uint64_t bytes = (argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 256) * MiB;
  const double part = argc > 2 ? std::strtod(argv[2], nullptr) : 0.02;
  measure({"rows in a stream, cut by content", make_rows, false}, bytes, part);
  measure({"pages of a file, cut at multiples", make_pages, true}, bytes, part);
  return 0;
}

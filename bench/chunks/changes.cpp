// SPDX-License-Identifier: Apache-2.0
#include "bench/chunks/changes.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

#include "base/random.h"

namespace stillpoint::bench {
namespace {

constexpr std::size_t page_bytes = 4096;
constexpr std::size_t row_bytes = 150;  // about

// An account: a key, a state that changes, and words that compress as words do.
std::string row(std::uint64_t id, std::uint64_t version) {
  base::Random fixed(id);
  base::Random changing(id ^ version << 40);
  std::string text =
      fmt::format("{}\t{}\t2026-{:02}-{:02} {:02}:{:02}:{:02}\t", id, changing.below(1'000'000),
                  1 + changing.below(12), 1 + changing.below(28), changing.below(24),
                  changing.below(60), changing.below(60));
  for (int word = 0; word < 8; ++word) {
    text += fmt::format("word{:04} ", fixed.below(5000));
  }
  return text + fmt::format("{:016x}\n", fixed.next());
}

// Whether a row is changed.
class Chosen {
 public:
  Chosen(Change change, double part, std::uint64_t rows)
      : change_(change),
        threshold_(static_cast<std::uint64_t>(part * 1e9)),
        begin_(rows / 3),
        end_(rows / 3 + static_cast<std::uint64_t>(part * static_cast<double>(rows))) {}
  bool operator()(std::uint64_t id) const {
    if (change_ == Change::clustered) return id >= begin_ && id < end_;
    return change_ == Change::scattered && base::Random(id + 77).below(1'000'000'000) < threshold_;
  }
  std::uint64_t appended() const { return change_ == Change::appended ? end_ - begin_ : 0; }

 private:
  Change change_;
  std::uint64_t threshold_;
  std::uint64_t begin_;
  std::uint64_t end_;
};

}  // namespace

std::string name_of(Change change) {
  switch (change) {
    case Change::none:
      return "none";
    case Change::scattered:
      return "scattered";
    case Change::clustered:
      return "clustered";
    case Change::appended:
      return "appended";
  }
  return "";
}

Table make_rows(std::uint64_t bytes, Change change, double part) {
  const std::uint64_t rows = bytes / row_bytes;
  const Chosen chosen(change, part, rows);
  Table table;
  for (std::uint64_t id = 0; id < rows + chosen.appended(); ++id) {
    const bool is_changed = id >= rows || chosen(id);
    const std::string text = row(id, is_changed ? 1 : 0);
    base::append(table.bytes, base::view_of(text));
    if (is_changed) base::append(table.changed, base::view_of(text));
  }
  return table;
}

Table make_pages(std::uint64_t bytes, Change change, double part) {
  constexpr std::uint64_t rows_a_page = page_bytes / row_bytes;
  const std::uint64_t rows = bytes / page_bytes * rows_a_page;
  const Chosen chosen(change, part, rows);
  Table table;
  for (std::uint64_t first = 0; first < rows + chosen.appended(); first += rows_a_page) {
    Bytes page;
    bool is_changed = false;
    for (std::uint64_t id = first; id < first + rows_a_page; ++id) {
      const bool row_changed = id >= rows || chosen(id);
      base::append(page, base::view_of(row(id, row_changed ? 1 : 0)));
      is_changed = is_changed || row_changed;
    }
    page.resize(page_bytes, base::Byte{0});
    base::append(table.bytes, page);
    if (is_changed) base::append(table.changed, page);
  }
  return table;
}

Table changed_pages(const Bytes& before, Bytes after) {
  Table table;
  for (std::size_t at = 0; at < after.size(); at += page_bytes) {
    const std::size_t length = std::min(page_bytes, after.size() - at);
    const base::ByteView page = base::ByteView(after).subspan(at, length);
    const bool same = at + length <= before.size() &&
                      std::ranges::equal(page, base::ByteView(before).subspan(at, length));
    if (!same) base::append(table.changed, page);
  }
  table.bytes = std::move(after);
  return table;
}

Bytes read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const base::ByteView view = base::view_of(text);
  return {view.begin(), view.end()};
}

}  // namespace stillpoint::bench

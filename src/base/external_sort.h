// SPDX-License-Identifier: Apache-2.0
// Sorts more items than fit into memory.
#pragma once

#include <algorithm>
#include <filesystem>
#include <functional>
#include <queue>
#include <span>
#include <type_traits>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/random.h"
#include "base/result.h"

namespace stillpoint::base {

// A file in `folder` that has no name, and goes when it is closed or the process ends.
inline Result<File> open_nameless(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / ("sort-" + random_token());
  File file = TRY(File::open(path, O_RDWR | O_CREAT | O_EXCL));
  ::unlink(path.c_str());
  return file;
}

// Items are added in any order; merge() shows them in the order of Less. What does not fit into
// `memory_bytes` goes to a nameless file in `folder`, as sorted runs. One thread.
template <class Item, class Less = std::less<Item>>
class ExternalSort {
  static_assert(std::is_trivially_copyable_v<Item>);

 public:
  ExternalSort(std::filesystem::path folder, std::size_t memory_bytes)
      : folder_(std::move(folder)),
        items_max_(std::max<std::size_t>(memory_bytes / sizeof(Item), 2)) {}

  Result<void> add(const Item& item) {
    if (items_.size() == items_max_) TRY(spill());
    if (items_.capacity() == 0) items_.reserve(std::min<std::size_t>(items_max_, 1024));
    if (items_.size() == items_.capacity()) {
      items_.reserve(std::min(items_max_, items_.capacity() * 2));
    }
    items_.push_back(item);
    ++size_;
    return {};
  }

  std::uint64_t size() const { return size_; }

  // Every item, in order. A failure of `visit` ends it. Once.
  template <class Visit>
  Result<void> merge(const Visit& visit) {
    if (runs_.empty()) {
      std::sort(items_.begin(), items_.end(), Less());
      for (const Item& item : items_) TRY(visit(item));
      return {};
    }
    if (!items_.empty()) TRY(spill());
    items_ = {};
    return merge_runs(visit);
  }

 private:
  // A sorted piece of the file, and what of it is in memory.
  struct Run {
    std::uint64_t next = 0;  // in the file, in bytes
    std::uint64_t end = 0;
    std::vector<Item> items = {};
    std::size_t at = 0;
  };

  Result<void> spill() {
    if (file_.descriptor() < 0) {
      file_ = TRY_DURING("sort in " + folder_.string(), open_nameless(folder_));
    }
    std::sort(items_.begin(), items_.end(), Less());
    const auto bytes = std::as_bytes(std::span(items_));
    TRY_DURING("sort in " + folder_.string(),
               file_.write_at({reinterpret_cast<const Byte*>(bytes.data()), bytes.size()}, end_));
    runs_.push_back({end_, end_ + bytes.size(), {}, 0});
    end_ += bytes.size();
    items_.clear();
    return {};
  }

  Result<void> refill(Run& run, std::size_t items) const {
    run.at = 0;
    run.items.resize(std::min<std::uint64_t>(items, (run.end - run.next) / sizeof(Item)));
    const auto bytes = std::as_writable_bytes(std::span(run.items));
    const std::size_t got =
        TRY(file_.read_at({reinterpret_cast<Byte*>(bytes.data()), bytes.size()}, run.next));
    if (got != bytes.size()) return fail(Errc::corrupt, "what was written to sort is not there");
    run.next += got;
    return {};
  }

  template <class Visit>
  Result<void> merge_runs(const Visit& visit) {
    const std::size_t items = std::max<std::size_t>(items_max_ / runs_.size(), 1);
    const auto later = [&](std::size_t a, std::size_t b) {
      return Less()(runs_[b].items[runs_[b].at], runs_[a].items[runs_[a].at]);
    };
    std::priority_queue<std::size_t, std::vector<std::size_t>, decltype(later)> heads(later);
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      TRY(refill(runs_[i], items));
      heads.push(i);
    }
    while (!heads.empty()) {
      const std::size_t first = heads.top();
      heads.pop();
      Run& run = runs_[first];
      TRY(visit(run.items[run.at]));
      if (++run.at == run.items.size()) TRY(refill(run, items));
      if (!run.items.empty()) heads.push(first);
    }
    return {};
  }

  const std::filesystem::path folder_;
  const std::size_t items_max_;
  std::uint64_t size_ = 0;
  std::vector<Item> items_;
  std::vector<Run> runs_;
  std::uint64_t end_ = 0;
  File file_;
};

}  // namespace stillpoint::base

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "repository/backup_reader.h"
#include "repository/entry_bits.h"
#include "repository/repository.h"

namespace stillpoint::repository {

// Which blobs backups need: a bit for the entry under which the index finds each. Every folder is
// read once, however many backups share it. Not thread-safe.
class Marks {
 public:
  explicit Marks(Repository& repository) : repository_(repository) {}

  // Goes through all that these folders hold.
  Result<void> walk(const std::vector<Id>& trees, const std::stop_token& stop);
  EntryBits& used() { return used_; }
  const EntryBits& used() const { return used_; }
  // Blobs that are in no index, up to a bound; what is below a missing folder is not known.
  const std::unordered_set<Id>& missing() const { return missing_; }
  static constexpr std::size_t missing_max = 100'000;

 private:
  // The entry; true when it was not marked before.
  bool mark(BlobType type, const Id& id, std::uint32_t& entry);
  void mark_content(const Node& file);

  Repository& repository_;
  EntryBits used_;
  std::unordered_set<Id> missing_;
};

}  // namespace stillpoint::repository

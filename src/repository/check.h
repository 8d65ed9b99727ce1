// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "repository/repository.h"
#include "repository/subset.h"

namespace stillpoint::repository {

struct CheckOptions {
  bool read_data = false;  // read packs and open every blob, instead of trusting names and sizes
  std::optional<Subset> subset = {};  // of the packs; none: all of them
  std::uint64_t seed = 0;             // for a random subset
};

// Where whoever watches reads how far it is.
struct CheckProgress {
  std::atomic<std::uint64_t>& bytes_total;
  std::atomic<std::uint64_t>& bytes_done;
};

struct CheckReport {
  std::vector<std::string> errors = {};  // data is lost or may be
  std::vector<std::string> notes = {};   // untidy, but harmless
  std::uint64_t backups = 0;
  std::uint64_t packs = 0;
  std::uint64_t blobs = 0;
  std::uint64_t packs_read = 0;
  std::uint64_t bytes_read = 0;
  bool ok() const { return errors.empty(); }
};

// Looks at everything: records, trees, chunks, index, packs. Goes on after what it finds; fails
// only where it cannot go on. Changes nothing.
Result<CheckReport> check(Repository& repository, const CheckOptions& options,
                          CheckProgress progress, std::stop_token stop);

}  // namespace stillpoint::repository

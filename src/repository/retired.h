// SPDX-License-Identifier: Apache-2.0
// retired/<id>: packs that prune or a repair has taken, or is about to take, out of the index, and
// since when. They are deleted by a later prune. Described in docs/formats/repository.md.
#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "repository/repository.h"

namespace stillpoint::repository {

struct Retired {
  base::Time time = {};
  std::vector<Id> packs = {};
  bool damaged = false;  // what they hold must not be relied on, and not be named again
};

std::string encode_retired(const Retired& retired);
Result<Retired> decode_retired(ByteView text);

struct RetiredFile {
  Id id = {};
  Retired retired = {};
};
// All but those already `seen`; what vanishes meanwhile is left out. What is damaged is a failure,
// unless `damaged` is given for its ids.
Result<std::vector<RetiredFile>> load_retired(const Repository& repository,
                                              const std::unordered_set<Id>& seen,
                                              std::vector<Id>* damaged = nullptr);
// Those that were retired because they are damaged.
std::unordered_set<Id> damaged_packs(const std::vector<RetiredFile>& files);

}  // namespace stillpoint::repository

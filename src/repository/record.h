// SPDX-License-Identifier: Apache-2.0
// snapshots/<id>: what the repository knows of one backup. (restic's word for it is snapshot.)
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/sha256.h"

namespace stillpoint::repository {

struct Record {
  Id id = {};  // of the file itself; set when it was read or written
  base::Time time = {};
  std::chrono::minutes utc_offset = {};  // that the time was written with; ours: none
  Id tree = {};
  std::vector<std::string> paths = {};
  std::string hostname = {};  // our backups: the system's name
  std::string username = {};
  std::vector<std::string> tags = {};
  std::string program = {};
  std::uint64_t bytes_total = 0;    // 0 where it was not written
  std::uint64_t bytes_added = 0;    // to the repository, compressed and sealed
  std::optional<Id> original = {};  // the record that this one is a copy or a repair of
};

std::string encode_record(const Record& record);
Result<Record> decode_record(ByteView text);
// What is to be written of it in another repository: everything that it says, whoever wrote it, and
// from which record it was copied first.
Result<std::string> encode_copy(ByteView text, const Id& id);
// The same of a repair: the record with another tree and other tags, and which record it was.
Result<std::string> encode_repaired(ByteView text, const Id& id, const Id& tree,
                                    const std::vector<std::string>& tags);

}  // namespace stillpoint::repository

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace stillpoint::repository {

// Who writes: recorded in keys, locks and snapshots, as restic does.
struct Host {
  std::string name = {};
  std::string user = {};
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint64_t pid = 0;
};

Host this_host();

}  // namespace stillpoint::repository

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>

namespace stillpoint::storage {

// Whether files there may be far away: on a network, or behind a program (FUSE). False where it
// cannot be told.
bool is_distant(const std::filesystem::path& path);
bool is_distant_kind(std::uint32_t file_system);  // as statfs(2) names it

}  // namespace stillpoint::storage

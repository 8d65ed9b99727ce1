// SPDX-License-Identifier: Apache-2.0
// Whether, where and how much of a repository is kept on this machine (docs/user/storage.md).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/session.h"
#include "storage/cache/cache_root.h"

namespace stillpoint::cli {

// "auto", "on" or "off"; `invalid` for anything else.
Result<void> check_cache_use(const std::string& use);
// "500MiB"; `invalid` where it is too small for a cache.
Result<std::uint64_t> cache_size_named(std::string text);

// The folder of all caches; it may not be there yet.
std::string cache_dir(const Session& session);

// Puts the cache in front of a repository that was opened, where the options want one. Without one
// all works as well: what is wrong with it is only said.
void use_cache(const Session& session, repository::Repository& repository);

// Of repositories that were not used for 30 days.
std::vector<storage::UnusedCache> unused_caches(const Session& session);
void remove_cache(const Session& session, const Id& repository);

}  // namespace stillpoint::cli

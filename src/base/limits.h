// SPDX-License-Identifier: Apache-2.0
// Every limit of the program that is not somebody's option, in one place.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace stillpoint::limits {

inline constexpr std::size_t KiB = 1024;
inline constexpr std::size_t MiB = 1024 * KiB;
inline constexpr std::size_t GiB = 1024 * MiB;

// Chunks that are read but not yet in a pack: bounds the memory of a backup.
inline constexpr std::size_t chunk_bytes_in_flight = 32 * MiB;
inline constexpr std::size_t chunk_bytes_max = 8 * MiB;
// Packs that are full and wait for the storage. restic reads packs of 4 to 128 MiB.
inline constexpr std::size_t packs_waiting = 1;
inline constexpr std::size_t pack_bytes_default = 32 * MiB;
inline constexpr std::size_t pack_bytes_min = 4 * MiB;
inline constexpr std::size_t pack_bytes_max = 128 * MiB;
// restic writes at most this many blobs into one index file.
inline constexpr std::size_t index_blobs_max = 50'000;
inline constexpr std::chrono::minutes index_interval{5};
// What a single stored object may be before we refuse to hold it in memory.
inline constexpr std::size_t object_bytes_max = 1 * GiB;
inline constexpr std::size_t blob_bytes_max = 512 * MiB;
// Requests to a storage.
inline constexpr int storage_tries_max = 5;
inline constexpr std::chrono::milliseconds storage_wait_first{100};
inline constexpr std::chrono::seconds storage_wait_max{10};
// A request that has not come back: by then a lock would be lost that could not be refreshed.
inline constexpr std::chrono::minutes storage_answer{30};
// Locks of the repository: restic calls one stale after half an hour.
inline constexpr std::chrono::minutes lock_refresh{5};
inline constexpr std::chrono::minutes lock_stale{30};
// By how much clocks of hosts that share a repository may differ.
inline constexpr std::chrono::hours clock_difference{1};
// How long prune waits for locks of restic, to replace index files.
inline constexpr std::chrono::minutes prune_switch_wait{2};
// Keys of a repository that are tried when it is opened: as many as restic tries.
inline constexpr std::size_t key_files_max = 20;
// A command that prints a password.
inline constexpr std::chrono::seconds password_command_time{60};
inline constexpr std::size_t password_bytes_max = 64 * KiB;
inline constexpr std::size_t config_bytes_max = 4 * MiB;

}  // namespace stillpoint::limits

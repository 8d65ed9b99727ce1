// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/result.h"

namespace stillpoint::base {

// Runs a command by /bin/sh and returns what it printed on stdout; its stderr is ours. Fails when
// it exits with another code than 0, prints more than `bytes_max`, or takes longer than `time` (it
// is killed then).
Result<std::string> run_command(const std::string& command, std::chrono::milliseconds time,
                                std::size_t bytes_max);

// Processes that have this file open, by inode (so that renamed and hard-linked names count),
// except ourselves: "4711 (bank)". Only processes whose descriptors we may see (all, for root).
Result<std::vector<std::string>> openers_of(const std::string& path);

// Its status as waitpid(2) tells it, at its end. It is a child of ours.
int wait_for_end(pid_t process);

// False when the time is over; the end of a pipe can be read, too.
Result<bool> wait_readable(const File& file, const Deadline& deadline);

// Whether there is such a process; one that is not ours counts too.
bool process_exists(pid_t pid);

}  // namespace stillpoint::base

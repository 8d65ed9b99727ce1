// SPDX-License-Identifier: Apache-2.0
// Putting one file in the place of another, by names alone: no file is opened.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace stillpoint::database::sqlite {

// What SQLite keeps beside a database file: its name and one of these.
inline const std::vector<std::string> side_suffixes = {"-wal", "-shm", "-journal"};

bool exists(const std::string& path);  // a dangling symbolic link does too
// The file that `path` leads to; where the last link dangles, the one that it would.
std::string follow_links(const std::string& path);
// "/srv/bank_before_20261121T083000Z.db", with a counter when there is such a file.
std::string kept_name(const std::string& path, base::Time now);

// Never replaces a file.
Result<void> rename_new(const std::string& from, const std::string& to);
// Renames the side files of `from` to those of `to`; all of them or none.
Result<void> move_side_files(const std::string& from, const std::string& to);

// Makes the file `staged` the file `path` in one step. What `path` was before is `kept` afterwards;
// `check` is asked about it under the name it is given before the switch is final, and where it
// fails, everything is put back.
using Check = std::function<Result<void>(const std::string& old)>;
Result<void> switch_files(const std::string& staged, const std::string& path,
                          const std::string& kept, const Check& check);

}  // namespace stillpoint::database::sqlite

// SPDX-License-Identifier: Apache-2.0
// Tables before and after changes, as generated data: rows one after another, as a dump has them,
// or in pages, as a database file has them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace stillpoint::bench {

using base::Bytes;

enum class Change { none, scattered, clustered, appended };
inline constexpr Change all_changes[] = {Change::scattered, Change::clustered, Change::appended};
std::string name_of(Change change);

struct Table {
  Bytes bytes = {};
  Bytes changed = {};  // the rows or pages that are not as they were, one after another
};

// About so many bytes. A part of the rows is changed: 0.02 is 2 %.
Table make_rows(std::uint64_t bytes, Change change, double part);
Table make_pages(std::uint64_t bytes, Change change, double part);

// A file of 4 KiB pages, with the pages that are not as in `before`.
Table changed_pages(const Bytes& before, Bytes after);
// Empty when it cannot be read.
Bytes read_file(const std::string& path);

}  // namespace stillpoint::bench

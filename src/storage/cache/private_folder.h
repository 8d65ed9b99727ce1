// SPDX-License-Identifier: Apache-2.0
// Folders that only their owner may write to, reached by descriptors.
#pragma once

#include <string>
#include <vector>

#include "base/file.h"

namespace stillpoint::storage {

// The folder `name` in the open folder `parent` (or AT_FDCWD), never by a symbolic link. `denied`
// where it belongs to somebody else or others may write to it. `shown` names it in messages.
Result<base::File> open_private(int parent, const std::string& name, const std::string& shown);
// The same, created with mode 0700 where it is not there.
Result<base::File> make_private(int parent, const std::string& name, const std::string& shown);

// What the open folder holds; nothing where it cannot be read.
std::vector<std::string> names_in(int folder);

}  // namespace stillpoint::storage

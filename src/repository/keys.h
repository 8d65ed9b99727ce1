// SPDX-License-Identifier: Apache-2.0
// The passwords of a repository. Each opens a key file, and each of those holds the one key of the
// repository: to remove a password keeps out who has not opened the repository before.
#pragma once

#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "repository/repository.h"

namespace stillpoint::repository {

struct KeyInfo {
  Id id = {};
  bool in_use = false;  // it opened this repository
  base::Time created = {};
  std::string user = {};
  std::string host = {};
  std::string problem = {};  // why it cannot be read; empty: it can
};

// Oldest first; those that cannot be read at the end.
Result<std::vector<KeyInfo>> list_keys(const Repository& repository);

// The key whose id begins so; `not_found`, or `invalid` where several do.
Result<Id> find_key(const Repository& repository, std::string_view front);

// Makes a key file for a password. It is durable, and was read back and opened with the password,
// when this returns. `invalid` where there are as many keys as are tried when a repository is
// opened. After a failure the new file may be there or not; all others are as they were.
Result<Id> add_key(Repository& repository, const base::Secret& password,
                   const ScryptCost& cost = {});

// The rest needs the exclusive lock (lock.h): of two that remove each other's key at the same time
// neither would see that none is left.

// Removes a key that is not in use: the one in use stays, so that there is one.
Result<void> remove_key(Repository& repository, const Id& key);
// Also the one in use, or any: after it was tried that `other` opens a key that stays.
Result<void> remove_key(Repository& repository, const Id& key, const base::Secret& other);
// A new key for `password`, then removes the one in use. When that fails, both passwords open the
// repository, and the message says so.
Result<Id> change_key(Repository& repository, const base::Secret& password,
                      const ScryptCost& cost = {});

}  // namespace stillpoint::repository
